package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError says what the parser wanted; a session answers it with BAD.
type SyntaxError struct{ Want string }

func (e *SyntaxError) Error() string { return e.Want }

// Decoder parses one framed command. Its methods are named after the grammar's
// elements; after the first error all of them give zero values and consume
// nothing, so parsers read straight on and look at Err once. Loops end on Err.
type Decoder struct {
	in  *Input // nil: everything is in b
	b   []byte
	p   int
	err error
	// UTF8 lets quoted strings hold UTF-8 (RFC 6855 §3, RFC 9051 §4.3).
	UTF8 bool
}

// NewDecoder parses b; in gives the literals that a streaming command has not
// framed, and may be nil.
func NewDecoder(b []byte, in *Input) *Decoder { return &Decoder{b: b, in: in} }

// Err gives the first error.
func (d *Decoder) Err() error { return d.err }

// Fail records a syntax error unless there is one already.
func (d *Decoder) Fail(format string, args ...any) {
	d.setErr(&SyntaxError{fmt.Sprintf(format, args...)})
}

func (d *Decoder) setErr(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Peek gives the next octet, 0 at the end or after an error.
func (d *Decoder) Peek() byte {
	if d.err != nil || d.p >= len(d.b) {
		return 0
	}
	return d.b[d.p]
}

// Try consumes c when it is next.
func (d *Decoder) Try(c byte) bool {
	if d.err == nil && d.p < len(d.b) && d.b[d.p] == c {
		d.p++
		return true
	}
	return false
}

// Expect consumes c or fails.
func (d *Decoder) Expect(c byte) {
	if !d.Try(c) {
		d.Fail("expected %q", c)
	}
}

// SP consumes the one space that separates arguments.
func (d *Decoder) SP() {
	if !d.Try(' ') {
		d.Fail("expected a space")
	}
}

// AtEnd tells whether the command is used up.
func (d *Decoder) AtEnd() bool { return d.err == nil && d.p >= len(d.b) }

// End fails when something is left over.
func (d *Decoder) End() {
	if d.err == nil && d.p < len(d.b) {
		d.Fail("unexpected argument")
	}
}

// TryWord consumes word when it is next, in any case, and ends there.
func (d *Decoder) TryWord(word string) bool {
	if d.err != nil || len(d.b)-d.p < len(word) || !strings.EqualFold(string(d.b[d.p:d.p+len(word)]), word) {
		return false
	}
	if end := d.p + len(word); end < len(d.b) && isAtomChar(d.b[end]) && d.b[end] != '[' {
		return false
	}
	d.p += len(word)
	return true
}

func (d *Decoder) while(ok func(byte) bool) string {
	if d.err != nil {
		return ""
	}
	start := d.p
	for d.p < len(d.b) && ok(d.b[d.p]) {
		d.p++
	}
	return string(d.b[start:d.p])
}

// isAtomChar: any CHAR but atom-specials. "]" is allowed by astring only.
func isAtomChar(c byte) bool {
	if c <= ' ' || c >= 0x7f {
		return false
	}
	switch c {
	case '(', ')', '{', '%', '*', '"', '\\', ']':
		return false
	}
	return true
}

func isAStringChar(c byte) bool { return c == ']' || isAtomChar(c) }
func isTagChar(c byte) bool     { return c != '+' && isAStringChar(c) }
func isListChar(c byte) bool    { return c == '%' || c == '*' || isAStringChar(c) }

func (d *Decoder) nonEmpty(s, want string) string {
	if s == "" {
		d.Fail("expected %s", want)
	}
	return s
}

// Tag parses a tag.
func (d *Decoder) Tag() string { return d.nonEmpty(d.while(isTagChar), "a tag") }

// Atom parses an atom.
func (d *Decoder) Atom() string { return d.nonEmpty(d.while(isAtomChar), "an atom") }

// Word parses an atom and gives it in upper case: commands, keys, items.
func (d *Decoder) Word() string { return strings.ToUpper(d.Atom()) }

// WordUntil parses an upper-cased run of letters, digits, '.', '-' and '=':
// FETCH items, whose section bracket ends them.
func (d *Decoder) WordUntil() string {
	return d.nonEmpty(strings.ToUpper(d.while(func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '='
	})), "a name")
}

// AString parses an astring: atom, quoted or literal.
func (d *Decoder) AString() string {
	switch d.Peek() {
	case '"', '{', '~':
		if d.Peek() != '~' {
			return d.String()
		}
	}
	return d.nonEmpty(d.while(isAStringChar), "a string")
}

// ListMailbox parses the pattern of LIST: astring with wildcards.
func (d *Decoder) ListMailbox() string {
	if c := d.Peek(); c == '"' || c == '{' {
		return d.String()
	}
	return d.nonEmpty(d.while(isListChar), "a mailbox pattern")
}

// String parses a quoted string or a literal.
func (d *Decoder) String() string {
	switch d.Peek() {
	case '"':
		return d.quoted()
	case '{':
		return d.literal()
	}
	d.Fail("expected a quoted string or a literal")
	return ""
}

// NString parses a string or NIL; ok is false for NIL.
func (d *Decoder) NString() (s string, ok bool) {
	if d.TryWord("NIL") {
		return "", false
	}
	return d.String(), d.err == nil
}

func (d *Decoder) quoted() string {
	d.Expect('"')
	var out []byte
	start := d.p
	for d.err == nil {
		if d.p >= len(d.b) {
			d.Fail("quoted string without an end")
			return ""
		}
		switch c := d.b[d.p]; {
		case c == '"':
			s := string(d.b[start:d.p])
			if out != nil {
				s = string(append(out, s...))
			}
			d.p++
			return d.checkQuoted(s)
		case c == '\\':
			if d.p+1 >= len(d.b) || d.b[d.p+1] != '"' && d.b[d.p+1] != '\\' {
				d.Fail("bad escape in a quoted string")
				return ""
			}
			out = append(append(out, d.b[start:d.p]...), d.b[d.p+1])
			d.p += 2
			start = d.p
		case c == '\r' || c == '\n' || c == 0:
			d.Fail("control character in a quoted string")
		default:
			d.p++
		}
	}
	return ""
}

func (d *Decoder) checkQuoted(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x80 {
			continue
		}
		if !d.UTF8 {
			d.Fail("8-bit character in a quoted string")
		} else if !utf8.ValidString(s) {
			d.Fail("invalid UTF-8 in a quoted string")
		}
		break
	}
	return s
}
