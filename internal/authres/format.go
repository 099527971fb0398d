package authres

import (
	"strings"
	"unicode/utf8"

	"postroom/internal/address"
)

const (
	name = "Authentication-Results"
	// maxLine is the width that lines are folded to (RFC 5322 §2.1.1); only a
	// word that is longer by itself goes beyond.
	maxLine = 77
	// maxValue bounds each text before quoting, so that a word, which cannot be
	// folded, stays far below the 998 octets of RFC 5322 §2.1.1.
	maxValue = 256
)

// Format gives the whole field with its CRLF; id is our authserv-id, a domain
// (RFC 8601 §2.5). Without results it says "none". With smtputf8 texts and
// local parts keep their UTF-8; else the field is ASCII.
func Format(id string, results []Result, smtputf8 bool) string {
	f := folder{}
	f.b.WriteString(name + ":")
	f.col = f.b.Len()
	f.word(pvalue(id, false) + ";")
	if len(results) == 0 {
		f.word("none")
	}
	for i, r := range results {
		words := r.words(smtputf8)
		if i < len(results)-1 {
			words[len(words)-1] += ";"
		}
		f.line()
		for _, w := range words {
			f.word(w)
		}
	}
	return f.b.String() + "\r\n"
}

func (r Result) words(smtputf8 bool) []string {
	out := []string{keyword(r.Method) + "=" + keyword(r.Value)}
	if r.Comment != "" {
		out = append(out, "("+comment(r.Comment)+")")
	}
	if r.Reason != "" {
		out = append(out, "reason="+value(r.Reason, smtputf8))
	}
	for _, p := range r.Properties {
		if p.Value != "" {
			out = append(out, keyword(p.Name)+"="+pvalue(p.Value, smtputf8))
		}
	}
	return out
}

// folder writes words with a space or a fold between them.
type folder struct {
	b     strings.Builder
	col   int
	fresh bool // nothing stands on this line
}

func (f *folder) line() {
	f.b.WriteString("\r\n\t")
	f.col, f.fresh = 1, true
}

func (f *folder) word(w string) {
	if !f.fresh {
		if f.col+1+len(w) > maxLine {
			f.line()
		} else {
			f.b.WriteByte(' ')
			f.col++
		}
	}
	f.b.WriteString(w)
	f.col, f.fresh = f.col+len(w), false
}

// keyword keeps what the names and results of the registries are made of.
func keyword(s string) string {
	s = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' {
			return c
		}
		return -1
	}, s)
	if s == "" {
		return "unknown"
	}
	return s[:min(len(s), 64)]
}

// pvalue spells a text as pvalue of RFC 8601 §2.2: an address where it is one,
// a domain as A-label, since readers compare it, and else a value.
func pvalue(s string, smtputf8 bool) string {
	s = clean(s)
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if a, ok := mailbox(s[:at], s[at+1:], smtputf8); ok {
			return a
		}
	} else if a, err := address.Name(s); err == nil && !isASCII(s) && strings.Contains(a, ".") {
		s = a
	}
	return value(s, smtputf8)
}

// mailbox gives local@domain, the domain as A-label, or @domain where the
// local part cannot be shown: without SMTPUTF8 one beyond ASCII, and always one
// that would need quotes, which many readers do not expect there.
func mailbox(local, domain string, smtputf8 bool) (string, bool) {
	domain, err := address.Domain(domain)
	if err != nil {
		return "", false
	}
	if _, err := address.Local(local); err != nil || !smtputf8 && !isASCII(local) {
		local = ""
	}
	return local + "@" + domain, true
}

// value spells a text as value of RFC 2045 §5.1: a token, or else a
// quoted-string.
func value(s string, smtputf8 bool) string {
	s = clean(s)
	if !smtputf8 {
		s = ascii(s)
	}
	if isToken(s) {
		return s
	}
	return `"` + escape(s, `"\`) + `"`
}

// comment spells ctext; what it holds is ASCII.
func comment(s string) string { return escape(ascii(clean(s)), `()\`) }

// clean takes out what no header may hold and bounds the rest.
func clean(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4*maxValue)], "?")
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028 || c == 0x2029 {
			return '?'
		}
		return c
	}, s)
	for len(s) > maxValue {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

func ascii(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= utf8.RuneSelf {
			return '?'
		}
		return c
	}, s)
}

func escape(s, specials string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(specials, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x7f || !tokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

// tokenChar is a character of a token (RFC 2045 §5.1), or any beyond ASCII.
func tokenChar(c byte) bool {
	return c > ' ' && c != 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, c) < 0
}
