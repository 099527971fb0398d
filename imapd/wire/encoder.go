package wire

import (
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"postroom/internal/mail"
)

// flushAt is when output goes out though more will follow.
const flushAt = 32 << 10

var outputs = sync.Pool{New: func() any { b := make([]byte, 0, flushAt+4<<10); return &b }}

// Encoder collects responses and writes them 32 KiB at a time. The first error
// of the stream sticks, and what follows is dropped. It holds no buffer after
// Flush.
type Encoder struct {
	w   io.Writer
	buf *[]byte
	err error
	// UTF8 lets quoted strings hold UTF-8; otherwise they become literals.
	UTF8 bool
}

// NewEncoder writes to w.
func NewEncoder(w io.Writer) *Encoder { return &Encoder{w: w} }

// Reset makes w the stream, as after a TLS handshake.
func (e *Encoder) Reset(w io.Writer) { e.w = w }

// Err gives the stream's first error.
func (e *Encoder) Err() error { return e.err }

// Flush writes everything collected and gives the buffer back.
func (e *Encoder) Flush() error {
	if e.buf == nil {
		return e.err
	}
	e.write()
	*e.buf = (*e.buf)[:0]
	if cap(*e.buf) <= 2*flushAt {
		outputs.Put(e.buf)
	}
	e.buf = nil
	return e.err
}

func (e *Encoder) write() {
	if e.err == nil && len(*e.buf) > 0 {
		_, e.err = e.w.Write(*e.buf)
	}
	*e.buf = (*e.buf)[:0]
}

func (e *Encoder) room() *[]byte {
	if e.buf == nil {
		e.buf = outputs.Get().(*[]byte)
	} else if len(*e.buf) >= flushAt {
		e.write()
	}
	return e.buf
}

// Write appends octets as they are.
func (e *Encoder) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		b := e.room()
		k := min(len(p), max(flushAt-len(*b), 1))
		*b = append(*b, p[:k]...)
		p = p[k:]
	}
	return n, e.err
}

// Raw appends text as it is.
func (e *Encoder) Raw(parts ...string) *Encoder {
	b := e.room()
	for _, s := range parts {
		*b = append(*b, s...)
	}
	return e
}

// CRLF ends a response line.
func (e *Encoder) CRLF() { b := e.room(); *b = append(*b, '\r', '\n') }

// Number appends a decimal number.
func (e *Encoder) Number(n uint64) *Encoder {
	b := e.room()
	*b = strconv.AppendUint(*b, n, 10)
	return e
}

// Set appends a non-empty set.
func (e *Encoder) Set(s mail.UIDSet) *Encoder {
	for i, r := range s {
		if i > 0 {
			e.Raw(",")
		}
		e.Number(uint64(r.Lo))
		if r.Hi != r.Lo {
			e.Raw(":").Number(uint64(r.Hi))
		}
	}
	return e
}

// String appends a string, quoted when it can be, else as a literal.
func (e *Encoder) String(s string) *Encoder {
	if !e.quotable(s) {
		e.LiteralSize(int64(len(s)), false)
		_, _ = e.Write([]byte(s))
		return e
	}
	b := e.room()
	*b = append(*b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			*b = append(*b, '\\')
		}
		*b = append(*b, s[i])
	}
	*b = append(*b, '"')
	return e
}

func (e *Encoder) quotable(s string) bool {
	if len(s) > 1024 {
		return false
	}
	eightBit := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x80:
			eightBit = true
		case c < 0x20 || c == 0x7f:
			return false
		}
	}
	return !eightBit || e.UTF8 && utf8.ValidString(s)
}

// AString appends an astring: an atom where it can be.
func (e *Encoder) AString(s string) *Encoder {
	if s == "" || len(s) > 1024 || (len(s) == 3 && (s[0]|0x20) == 'n') {
		return e.String(s)
	}
	for i := 0; i < len(s); i++ {
		if !isAStringChar(s[i]) {
			return e.String(s)
		}
	}
	return e.Raw(s)
}

// Mailbox appends a mailbox name: UTF-8 when the client enabled it, else
// modified UTF-7.
func (e *Encoder) Mailbox(name string) *Encoder {
	if !e.UTF8 {
		name = EncodeUTF7(name)
	}
	return e.AString(name)
}

// LiteralSize appends a literal header; exactly n octets must follow.
func (e *Encoder) LiteralSize(n int64, binary bool) *Encoder {
	if binary {
		e.Raw("~")
	}
	e.Raw("{").Number(uint64(n))
	e.Raw("}\r\n")
	return e
}

// DateTime appends a quoted INTERNALDATE.
func (e *Encoder) DateTime(t time.Time) *Encoder {
	b := e.room()
	*b = append(*b, '"')
	*b = t.AppendFormat(*b, DateTimeLayout)
	*b = append(*b, '"')
	return e
}
