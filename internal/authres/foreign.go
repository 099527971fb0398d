package authres

import (
	"bytes"
	"strings"

	"postroom/internal/address"
	"postroom/internal/message"
)

// Range is a part of a header: whole fields, line ends included.
type Range struct{ Start, End int }

// Foreign finds the Authentication-Results fields of a header as received that
// may not stay (RFC 8601 §5): those that claim one of ids, our authserv-ids,
// however they spell it; those of a version other than 1; and those whose
// authserv-id cannot be read, since a reader of ours may take them for
// anybody's.
func Foreign(header []byte, ids ...string) []Range {
	ours := make(map[string]bool, len(ids))
	for _, id := range ids {
		if n, err := address.Name(id); err == nil {
			ours[n] = true
		}
	}
	var out []Range
	at := 0
	for f := range message.Fields(header) {
		if value, found := claimed(f); found {
			if id, ok := authservID(value); !ok || ours[id] {
				out = append(out, Range{at, at + len(f.Raw)})
			}
		}
		at += len(f.Raw)
	}
	return out
}

// Remove gives the header without the fields that Foreign finds, and the
// header itself where there are none.
func Remove(header []byte, ids ...string) []byte {
	cuts := Foreign(header, ids...)
	if len(cuts) == 0 {
		return header
	}
	out := make([]byte, 0, len(header))
	at := 0
	for _, c := range cuts {
		out = append(out, header[at:c.Start]...)
		at = c.End
	}
	return append(out, header[at:]...)
}

// claimed gives the value of a field whose name is ours to a reader that drops
// what no name can hold: space, line ends, controls, non-ASCII.
func claimed(f message.Field) ([]byte, bool) {
	i := bytes.IndexByte(f.Raw, ':')
	if i < 0 {
		return nil, false
	}
	n := 0
	for _, c := range f.Raw[:i] {
		switch {
		case c <= ' ' || c >= 0x7f:
		case n == len(name) || lower(c) != lower(name[n]):
			return nil, false
		default:
			n++
		}
	}
	return f.Raw[i+1:], n == len(name)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// authservID reads the head of a field, to the first ";" or the end (RFC 8601
// §2.2), and gives the authserv-id in A-labels, lower case. False is a head
// that has no such form, or a version other than 1.
func authservID(v []byte) (string, bool) {
	s := scanner{v: v}
	id, ok := s.value()
	if !ok || !s.cfws() {
		return "", false
	}
	if version := s.run(func(c byte) bool { return c >= '0' && c <= '9' }); version != "" {
		if strings.TrimLeft(version, "0") != "1" || !s.cfws() {
			return "", false
		}
	}
	if s.i < len(s.v) && s.v[s.i] != ';' {
		return "", false
	}
	id, err := address.Name(strings.Trim(id, " \t"))
	return id, err == nil
}

type scanner struct {
	v []byte
	i int
}

// value reads a token or a quoted-string after comments and folds.
func (s *scanner) value() (string, bool) {
	if !s.cfws() {
		return "", false
	}
	if s.i < len(s.v) && s.v[s.i] == '"' {
		return s.quoted()
	}
	t := s.run(tokenChar)
	return t, t != ""
}

func (s *scanner) run(in func(byte) bool) string {
	start := s.i
	for s.i < len(s.v) && in(s.v[s.i]) {
		s.i++
	}
	return string(s.v[start:s.i])
}

// quoted gives the content of a quoted-string, its folds taken out.
func (s *scanner) quoted() (string, bool) {
	var b bytes.Buffer
	for s.i++; s.i < len(s.v); s.i++ {
		switch c := s.v[s.i]; c {
		case '"':
			s.i++
			return b.String(), true
		case '\r', '\n':
		case '\\':
			if s.i++; s.i < len(s.v) {
				b.WriteByte(s.v[s.i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// cfws skips comments and folding space; false is a comment without end.
func (s *scanner) cfws() bool {
	depth := 0
	for ; s.i < len(s.v); s.i++ {
		switch c := s.v[s.i]; {
		case c == '(':
			depth++
		case depth > 0 && c == ')':
			depth--
		case depth > 0 && c == '\\':
			s.i++
		case depth > 0 || c == ' ' || c == '\t' || c == '\r' || c == '\n':
		default:
			return true
		}
	}
	return depth == 0
}
