package message

import (
	"bytes"
	"strconv"
)

// EnvelopeField names a field of a stored ENVELOPE, by its place.
type EnvelopeField int

// The fields that messages are ordered by (RFC 9051 §7.5.2).
const (
	EnvelopeSubject EnvelopeField = 1
	EnvelopeFrom    EnvelopeField = envFrom
	EnvelopeTo      EnvelopeField = 5
	EnvelopeCc      EnvelopeField = 6
)

// EnvelopeAddress is an address of an ENVELOPE as it stands there: names are
// not decoded. NIL is nil.
type EnvelopeAddress struct{ Name, Mailbox, Host []byte }

// EnvelopeText gives a field that is a string, nil when it is NIL. envelope is
// mail.Summary.Envelope; what is not in its form gives nil.
func EnvelopeText(envelope []byte, f EnvelopeField) []byte {
	r := envelopeAt(envelope, f)
	return r.nstring()
}

// EnvelopeFirst gives the first address of a field; false when there is none.
func EnvelopeFirst(envelope []byte, f EnvelopeField) (a EnvelopeAddress, ok bool) {
	r := envelopeAt(envelope, f)
	if !r.try('(') {
		return a, false
	}
	r.try('(')
	a.Name = r.nstring()
	r.try(' ')
	r.skip()
	r.try(' ')
	a.Mailbox = r.nstring()
	r.try(' ')
	a.Host = r.nstring()
	return a, true
}

// wireReader reads values that this package wrote.
type wireReader struct{ b []byte }

func envelopeAt(envelope []byte, f EnvelopeField) wireReader {
	r := wireReader{envelope}
	r.try('(')
	for range f {
		r.skip()
		r.try(' ')
	}
	return r
}

func (r *wireReader) try(c byte) bool {
	if len(r.b) == 0 || r.b[0] != c {
		return false
	}
	r.b = r.b[1:]
	return true
}

// nstring reads NIL, a quoted string or a literal.
func (r *wireReader) nstring() []byte {
	switch {
	case r.try('"'):
		return r.quoted()
	case r.try('{'):
		return r.literal()
	}
	r.b = bytes.TrimPrefix(r.b, []byte("NIL"))
	return nil
}

func (r *wireReader) quoted() []byte {
	end := bytes.IndexByte(r.b, '"')
	if end < 0 {
		r.b = nil
		return nil
	}
	if bytes.IndexByte(r.b[:end], '\\') < 0 {
		s := r.b[:end:end]
		r.b = r.b[end+1:]
		return s
	}
	out := make([]byte, 0, end+16)
	for i := 0; i < len(r.b); i++ {
		switch c := r.b[i]; {
		case c == '"':
			r.b = r.b[i+1:]
			return out
		case c == '\\' && i+1 < len(r.b):
			i++
			out = append(out, r.b[i])
		default:
			out = append(out, c)
		}
	}
	r.b = nil
	return nil
}

func (r *wireReader) literal() []byte {
	i := bytes.Index(r.b, []byte("}\r\n"))
	if i < 0 {
		r.b = nil
		return nil
	}
	n, err := strconv.Atoi(string(r.b[:i]))
	r.b = r.b[i+3:]
	if err != nil || n < 0 || n > len(r.b) {
		r.b = nil
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

// skip passes over one value: a list, a string or NIL.
func (r *wireReader) skip() {
	depth := 0
	for len(r.b) > 0 {
		switch {
		case r.try('('):
			depth++
		case r.try(')'):
			depth--
		case depth > 0 && r.try(' '):
		default:
			before := len(r.b)
			if r.nstring(); len(r.b) == before {
				r.b = nil // not a value: end here
			}
		}
		if depth <= 0 {
			return
		}
	}
}
