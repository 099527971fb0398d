// Package address reads and normalises mail addresses strictly: a dot-atom of
// RFC 5321 §4.1.2, ASCII or UTF-8 (RFC 6531 §3.3), and a domain that becomes
// an A-label. Quoted local parts, source routes and comments are refused on
// purpose: no mailbox of ours has one, and each of them has carried a relay
// trick somewhere.
package address

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/internal/mail"
)

// Limits of RFC 5321 §4.5.3.1, in octets. MaxPath counts without the angle
// brackets.
const (
	MaxLocal  = 64
	MaxDomain = 253
	MaxPath   = 254
)

// Parse reads local@domain. The local part keeps its spelling but is put into
// NFC; the domain becomes lower-case A-labels. Errors are *mail.Error with
// CodeInvalid.
func Parse(s string) (mail.Address, error) { return parse(s, false) }

// ParseLiteralOK is Parse, but takes an address literal such as [192.0.2.1]
// or [IPv6:2001:db8::1] as domain too (RFC 5321 §4.1.3).
func ParseLiteralOK(s string) (mail.Address, error) { return parse(s, true) }

func parse(s string, literal bool) (mail.Address, error) {
	if len(s) > 4*MaxPath {
		return mail.Address{}, invalid("address too long")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return mail.Address{}, invalid("address has no domain")
	}
	local, err := Local(s[:at])
	if err != nil {
		return mail.Address{}, err
	}
	domain, err := parseDomain(s[at+1:], literal)
	if err != nil {
		return mail.Address{}, err
	}
	if len(local)+1+len(domain) > MaxPath {
		return mail.Address{}, invalid("address too long")
	}
	return mail.Address{Local: local, Domain: domain}, nil
}

// Local checks a local part and gives it in NFC.
func Local(s string) (string, error) {
	if len(s) > 4*MaxLocal || !utf8.ValidString(s) {
		return "", invalid("invalid local part")
	}
	s = norm.NFC.String(s)
	if s == "" || len(s) > MaxLocal {
		return "", invalid("local part empty or too long")
	}
	dot := true // a dot may not stand first, last or twice
	for _, r := range s {
		if r == '.' {
			if dot {
				return "", invalid("misplaced dot in local part")
			}
			dot = true
			continue
		}
		if !localRune(r) {
			return "", invalid("character not allowed in local part")
		}
		dot = false
	}
	if dot {
		return "", invalid("misplaced dot in local part")
	}
	return s, nil
}

// localRune tells whether r is atext of RFC 5322 §3.2.3 or a visible
// character of RFC 6531 §3.3. Controls, separators, private use and format
// characters stay out, since they make two addresses look alike; the two
// joiners are needed to spell words in some scripts.
func localRune(r rune) bool {
	if r < 0x80 {
		return r > ' ' && r < 0x7f && !strings.ContainsRune(`()<>[]:;@\,."`, r)
	}
	if r == 0x200c || r == 0x200d {
		return true
	}
	return !unicode.In(r, unicode.C, unicode.Z) && unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S)
}

// Key gives the form by which local parts are compared: lower case, NFC.
// Folding rather than plain lowering makes ς and σ one letter.
func Key(local string) string {
	if isASCII(local) {
		return strings.ToLower(local)
	}
	return norm.NFC.String(strings.ToLower(strings.ToUpper(strings.ToLower(norm.NFC.String(local)))))
}

// SplitTag splits user+tag at the first plus; tag is "" when there is none. A
// leading plus is part of the name.
func SplitTag(local string) (base, tag string) {
	i := strings.IndexByte(local, '+')
	if i <= 0 {
		return local, ""
	}
	return local[:i], local[i+1:]
}

// Display gives the address for people: the domain in U-labels.
func Display(a mail.Address) string {
	if a.IsNull() {
		return ""
	}
	return a.Local + "@" + DisplayDomain(a.Domain)
}

// Same tells whether two addresses name the same mailbox: local parts by Key,
// domains exactly.
func Same(a, b mail.Address) bool {
	return a.Domain == b.Domain && Key(a.Local) == Key(b.Local)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func invalid(text string) error { return mail.Errorf(mail.CodeInvalid, "%s", text) }
