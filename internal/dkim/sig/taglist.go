package sig

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"
)

// Tags is a tag-list of RFC 6376 §3.2.
type Tags struct {
	First string // name of the first tag
	by    map[string]tag
}

type tag struct {
	value    string // without white space around it
	from, to int    // of the value with all white space around it
}

var (
	errSyntax    = errors.New("not a tag-list")
	errDuplicate = errors.New("a tag occurs twice")
)

// ParseTags reads a tag-list; line ends at the end of s are no part of it.
// Octets from 0x80 on must be UTF-8 (RFC 6376 §3.2, note; RFC 8617 §4.1.4). A
// name that occurs twice makes the whole list invalid.
func ParseTags(s string) (Tags, error) {
	t := Tags{by: map[string]tag{}}
	if !utf8.ValidString(s) {
		return t, errSyntax
	}
	for at := 0; at <= len(s); {
		spec, _, more := strings.Cut(s[at:], ";")
		if trimFWS(spec) == "" && !more && len(t.by) > 0 {
			break // behind the last semicolon
		}
		name, value, ok := strings.Cut(spec, "=")
		from := at + len(name) + 1
		name, value = trimFWS(name), trimFWS(value)
		if !ok || !isTagName(name) || !isTagValue(value) {
			return t, errSyntax
		}
		if _, twice := t.by[name]; twice {
			return t, errDuplicate
		}
		if len(t.by) == 0 {
			t.First = name
		}
		t.by[name] = tag{value, from, at + len(spec)}
		at += len(spec) + 1
	}
	return t, nil
}

// Get gives a tag's value; an empty value is not an absent tag.
func (t Tags) Get(name string) (value string, ok bool) {
	one, ok := t.by[name]
	return one.value, ok
}

// Span gives where a tag's value stands in the list, white space around it
// included: what RFC 6376 §3.7 takes out of b=.
func (t Tags) Span(name string) (from, to int) {
	one := t.by[name]
	return one.from, one.to
}

func trimFWS(s string) string { return strings.Trim(s, " \t\r\n") }

// stripFWS takes folding white space out of a value.
func stripFWS(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.NewReplacer(" ", "", "\t", "", "\r\n", "").Replace(s)
}

// list splits a value at its colons; white space around them does not count.
func list(value string) []string {
	parts := strings.Split(value, ":")
	for i, p := range parts {
		parts[i] = trimFWS(p)
	}
	return parts
}

func isTagName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// isTagValue allows VALCHAR, UTF-8, and white space folded as it must be.
func isTagValue(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\r':
			if i+2 >= len(s) || s[i+1] != '\n' || s[i+2] != ' ' && s[i+2] != '\t' {
				return false
			}
			i++
		case c == ' ' || c == '\t' || c > ' ' && c != 0x7f:
		default:
			return false
		}
	}
	return true
}

// decode reads base64 that may hold folding white space. It takes the one
// spelling of a value only: padding there, spare bits zero.
func decode(s string) ([]byte, bool) {
	s = stripFWS(s)
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil && len(b) > 0 && !strings.ContainsAny(s, "\r\n")
}

// number reads 1*12DIGIT; a longer one counts as infinite (RFC 6376 §3.5, t=).
func number(s string) (int64, bool) {
	n := int64(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), infinite)
	}
	return n, s != "" && len(s) <= 76
}

// infinite is more than any time or length that twelve digits can tell.
const infinite = 1e15
