package message

import (
	"bufio"
	"io"
	"strings"

	"postroom/internal/mail"
)

// DecodeBody gives a part's content from its octets: the transfer encoding
// undone and, when charset is not "", text made UTF-8 (an unknown charset
// passes as it is). Malformed encodings are read as far as they make sense. An
// encoding nobody knows is mail.CodeUnknownTransferEnc.
func DecodeBody(r io.Reader, encoding, charset string) (io.Reader, error) {
	switch strings.ToLower(encoding) {
	case "", "7bit", "8bit", "binary":
	case "base64":
		r = &base64Reader{in: bufio.NewReaderSize(r, 4<<10)}
	case "quoted-printable":
		r = &qpReader{in: bufio.NewReaderSize(r, 4<<10)}
	default:
		return nil, mail.Errorf(mail.CodeUnknownTransferEnc, "unknown content transfer encoding")
	}
	if charset != "" {
		r = charsetReader(r, charset)
	}
	return r, nil
}

// base64Reader decodes base64 and skips what is not in its alphabet (RFC 2045
// §6.8). Padding inside, as of concatenated pieces, starts a new quantum.
type base64Reader struct {
	in   *bufio.Reader
	quad [4]byte
	n    int    // digits in quad
	out  []byte // decoded, not read yet
	buf  [3 << 10]byte
	err  error
}

func (r *base64Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// fill decodes what the input has buffered.
func (r *base64Reader) fill() {
	if _, err := r.in.Peek(1); err != nil {
		r.err = err
		r.out = r.flush(r.buf[:0])
		return
	}
	b, _ := r.in.Peek(r.in.Buffered())
	out := r.buf[:0]
	used := 0
	for ; used < len(b) && len(out) < len(r.buf)-3; used++ {
		c := b[used]
		switch v := base64Value[c]; {
		case v != 0xff:
			r.quad[r.n] = c
			if r.n++; r.n == 4 {
				out = r.flush(out)
			}
		case c == '=':
			out = r.flush(out)
		}
	}
	r.in.Discard(used)
	r.out = out
}

func (r *base64Reader) flush(out []byte) []byte {
	out = appendBase64(out, r.quad[:r.n])
	r.n = 0
	return out
}

var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range 64 {
		t[base64Alphabet[i]] = byte(i)
	}
	return t
}()

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// qpReader decodes quoted-printable (RFC 2045 §6.7); an "=" that is no escape
// stands for itself.
type qpReader struct {
	in  *bufio.Reader
	out []byte
	buf [4 << 10]byte
	// gap holds white space that counts only if the line goes on.
	gap []byte
	err error
}

func (r *qpReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.out = r.fill(r.buf[:0])
	}
	n := copy(p, r.out)
	r.out = r.out[n:]
	return n, nil
}

// maxGap bounds the white space held back; a longer run is content.
const maxGap = 1 << 10

func (r *qpReader) fill(out []byte) []byte {
	for len(out) < len(r.buf)-maxGap-4 {
		c, err := r.in.ReadByte()
		if err != nil {
			r.err = err
			return out // white space at the end was added in transport
		}
		switch c {
		case ' ', '\t':
			if r.gap = append(r.gap, c); len(r.gap) >= maxGap {
				out, r.gap = append(out, r.gap...), r.gap[:0]
			}
			continue
		case '\r':
			if next, _ := r.in.Peek(1); len(next) == 1 && next[0] == '\n' {
				r.in.Discard(1)
				out, r.gap = append(out, "\r\n"...), r.gap[:0]
				continue
			}
		case '\n':
			out, r.gap = append(out, '\n'), r.gap[:0]
			continue
		}
		out, r.gap = append(out, r.gap...), r.gap[:0]
		if c == '=' {
			out = r.escape(out)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// escape reads what follows an "=".
func (r *qpReader) escape(out []byte) []byte {
	b, _ := r.in.Peek(2)
	if len(b) == 2 && isHex(b[0]) && isHex(b[1]) {
		c := unhex(b[0])<<4 | unhex(b[1])
		r.in.Discard(2)
		return append(out, c)
	}
	// A soft line break, possibly with white space that transport added.
	for n := 0; n < 256; n++ {
		b, _ = r.in.Peek(n + 1)
		if len(b) <= n {
			if n == 0 {
				return out // "=" at the very end
			}
			break
		}
		switch b[n] {
		case ' ', '\t':
			continue
		case '\n':
			r.in.Discard(n + 1)
			return out
		case '\r':
			if b, _ = r.in.Peek(n + 2); len(b) == n+2 && b[n+1] == '\n' {
				r.in.Discard(n + 2)
				return out
			}
		}
		break
	}
	return append(out, '=')
}
