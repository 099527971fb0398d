package message

import (
	"bytes"
	"slices"
)

// param is one parameter of a structured MIME field, unquoted.
type param struct{ name, value []byte }

// mimeValue is "value; name=value …" of Content-Type and Content-Disposition.
type mimeValue struct {
	value  []byte // "text/plain", "attachment"; comments and space removed
	params []param
}

const maxParams = 100

// parseMIME reads a structured MIME field, unfolded or not.
func parseMIME(v []byte, params []param) mimeValue {
	r := mimeReader{b: v}
	m := mimeValue{params: params[:0]}
	m.value = r.token()
	for len(m.params) < maxParams && r.next() {
		name := r.name()
		if len(name) == 0 || !r.equals() {
			continue
		}
		m.params = append(m.params, param{name, r.paramValue()})
	}
	if slices.ContainsFunc(m.params, inPieces) {
		m.params = joinPieces(m.params)
	}
	return m
}

// get gives the first parameter of that name, nil when there is none.
func (m *mimeValue) get(name string) []byte {
	for _, p := range m.params {
		if equalFold(p.name, name) {
			return p.value
		}
	}
	return nil
}

// typeOf splits "type/subtype", false when it is not of that form: then the
// part is text/plain (RFC 2045 §5.2).
func (m *mimeValue) typeOf() (typ, sub []byte, ok bool) {
	i := bytes.IndexByte(m.value, '/')
	if i <= 0 || i > 127 || len(m.value)-i-1 > 127 {
		return nil, nil, false
	}
	typ, sub = m.value[:i], m.value[i+1:]
	return typ, sub, isToken(typ) && isToken(sub)
}

// isToken tells a token of RFC 2045 §5.1.
func isToken(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`()<>@,;:\"/[]?=`), c) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

type mimeReader struct {
	b []byte
	i int
}

// space skips white space and comments.
func (r *mimeReader) space() {
	depth := 0
	for ; r.i < len(r.b); r.i++ {
		switch c := r.b[r.i]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == '\\' && depth > 0:
			r.i++
		case depth == 0 && c > ' ' && c != 0x7f:
			return
		}
	}
	r.i = len(r.b)
}

// token reads the value before the first ";", without comments, and without
// space around "/". What follows other space is not the value's.
func (r *mimeReader) token() []byte {
	var out []byte
	for {
		r.space()
		at := r.i
		for r.i < len(r.b) && r.b[r.i] > ' ' && r.b[r.i] != ';' && r.b[r.i] != '(' {
			r.i++
		}
		word := r.b[at:r.i]
		if n := len(out); r.i == at || n > 0 && out[n-1] != '/' && word[0] != '/' {
			return out
		}
		if out == nil {
			out = word[:len(word):len(word)]
		} else {
			out = append(out, word...)
		}
	}
}

// next goes behind the next ";".
func (r *mimeReader) next() bool {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ';':
			r.i++
			return true
		case '(':
			r.space()
		case '"':
			r.quoted()
		default:
			r.i++
		}
	}
	return false
}

func (r *mimeReader) name() []byte {
	r.space()
	at := r.i
	for r.i < len(r.b) && r.b[r.i] > ' ' && bytes.IndexByte([]byte(`;=("`), r.b[r.i]) < 0 {
		r.i++
	}
	return r.b[at:r.i]
}

func (r *mimeReader) equals() bool {
	r.space()
	if r.i < len(r.b) && r.b[r.i] == '=' {
		r.i++
		return true
	}
	return false
}

// paramValue reads a quoted string, or what senders write for a token: up to
// the next ";" or comment, spaces inside included.
func (r *mimeReader) paramValue() []byte {
	r.space()
	if r.i < len(r.b) && r.b[r.i] == '"' {
		return r.quoted()
	}
	at := r.i
	for r.i < len(r.b) && r.b[r.i] != ';' && r.b[r.i] != '(' {
		r.i++
	}
	return unfold(r.b[at:r.i])
}

// quoted reads a quoted string; it copies only when it must.
func (r *mimeReader) quoted() []byte {
	r.i++
	at, plain := r.i, true
	for ; r.i < len(r.b) && r.b[r.i] != '"'; r.i++ {
		switch r.b[r.i] {
		case '\\':
			plain = false
			r.i++
		case '\r', '\n':
			plain = false
		}
	}
	r.i = min(r.i, len(r.b))
	in := r.b[at:r.i]
	if r.i < len(r.b) {
		r.i++
	}
	if plain {
		return in
	}
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		switch {
		case in[i] == '\r' || in[i] == '\n':
			continue
		case in[i] == '\\' && i+1 < len(in):
			i++
		}
		out = append(out, in[i])
	}
	return out
}
