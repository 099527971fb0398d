package message

import "bytes"

// isSpecial tells the octets that end an atom; the dot is none here, so that
// dot-atoms and initials are one word.
func isSpecial(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', ':', ';', '@', '\\', ',', '"':
		return true
	}
	return c <= ' ' || c == 0x7f
}

// space skips white space and comments and tells whether there was any. A
// comment's text is kept.
func (r *addrReader) space() bool {
	at := r.i
	for r.i < len(r.b) {
		c := r.b[r.i]
		switch {
		case c == '(':
			r.readComment()
		case c <= ' ' || c == 0x7f:
			r.i++
		default:
			return r.i > at
		}
	}
	return r.i > at
}

// readComment reads a comment, which may nest (RFC 5322 §3.2.2).
func (r *addrReader) readComment() {
	r.comment = r.comment[:0]
	depth := 0
	for ; r.i < len(r.b); r.i++ {
		c := r.b[r.i]
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				r.i++
				return
			}
		case '\\':
			if r.i+1 < len(r.b) {
				r.i++
				c = r.b[r.i]
			}
		case '\r', '\n':
			continue
		}
		r.comment = append(r.comment, c)
	}
	r.defects++
}

// quoted reads a quoted string without its quotes.
func (r *addrReader) quoted(dst []byte) []byte {
	for r.i++; r.i < len(r.b); r.i++ {
		c := r.b[r.i]
		switch c {
		case '"':
			r.i++
			return dst
		case '\\':
			if r.i+1 < len(r.b) {
				r.i++
				c = r.b[r.i]
			}
		case '\r', '\n':
			continue
		}
		dst = append(dst, c)
	}
	r.defects++
	return dst
}

// atom reads up to the next special. An encoded-word is read whole, though
// some senders leave commas in it (RFC 2047 §5 forbids them).
func (r *addrReader) atom(dst []byte) []byte {
	at := r.i
	for r.i < len(r.b) && !isSpecial(r.b[r.i]) {
		r.i++
	}
	if n := encodedWordLen(r.b[at:]); n > r.i-at {
		r.i = at + n
	}
	return append(dst, r.b[at:r.i]...)
}

// encodedWordLen gives the length of the RFC 2047 encoded-word that b begins
// with, 0 when there is none.
func encodedWordLen(b []byte) int {
	if len(b) < 8 || b[0] != '=' || b[1] != '?' {
		return 0
	}
	n := 2
	for range 2 { // charset, encoding
		i := bytes.IndexByte(b[n:min(len(b), n+64)], '?')
		if i <= 0 {
			return 0
		}
		n += i + 1
	}
	if e := lower(b[n-2]); b[n-3] != '?' || e != 'q' && e != 'b' {
		return 0
	}
	for ; n < len(b) && b[n] > ' '; n++ {
		if b[n] == '?' {
			if n+1 < len(b) && b[n+1] == '=' {
				return n + 2
			}
			return 0
		}
	}
	return 0
}
