package dsn

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lines writes lines with CRLF and keeps the first error.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) put(s string) {
	if l.err == nil {
		_, l.err = io.WriteString(l.w, s+"\r\n")
	}
}

func (l *lines) raw(b []byte) {
	if l.err == nil {
		_, l.err = l.w.Write(b)
	}
}

func (l *lines) copy(r io.Reader) {
	if l.err == nil {
		_, l.err = io.Copy(l.w, r)
	}
}

// field writes a header field folded at blanks, no line far over 78 columns.
// Line ends in a decoded value become blanks, other controls question marks.
func (l *lines) field(name, value string) {
	value = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return '?'
		}
		return r
	}, value)
	for i, s := range wrap(value, 76-len(name), 74) {
		if i == 0 {
			l.put(name + ": " + s)
		} else {
			l.put("  " + s)
		}
	}
}

// quote writes text from outside, wrapped and indented.
func (l *lines) quote(s string) {
	for _, line := range wrap(s, 70, 70) {
		l.put("    " + line)
	}
}

// wrap splits at blanks, the first line at first columns, the others at rest.
// A word longer than 400 octets is cut, so that no line nears the limit of
// RFC 5322 §2.1.1.
func wrap(s string, first, rest int) []string {
	var out []string
	line, width := "", first
	for word := range strings.FieldsSeq(s) {
		for len(word) > 400 {
			cut := 400
			for cut > 0 && !utf8.RuneStart(word[cut]) {
				cut--
			}
			if line != "" {
				out = append(out, line)
			}
			line, word = word[:cut], word[cut:]
			width = rest
		}
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			out = append(out, line)
			line, width = "", rest
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}
