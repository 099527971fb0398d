package store

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/internal/mail"
)

// maxNameOctets bounds a mailbox name; LIST answers hold it whole.
const maxNameOctets = 1000

// mailboxName brings a name into the form that is stored: NFC (RFC 9051 §5.1),
// INBOX in capitals wherever it is the first level. CodeInvalid says what is
// wrong with a name that cannot be.
func mailboxName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", mail.Errorf(mail.CodeInvalid, "a mailbox name is UTF-8")
	}
	name = norm.NFC.String(name)
	first, rest, deep := strings.Cut(name, mail.Separator)
	if strings.EqualFold(first, mail.Inbox) {
		name = mail.Inbox
		if deep {
			name += mail.Separator + rest
		}
	}
	switch {
	case name == "":
		return "", mail.Errorf(mail.CodeInvalid, "a mailbox needs a name")
	case len(name) > maxNameOctets:
		return "", mail.Errorf(mail.CodeInvalid, "a mailbox name has at most %d octets", maxNameOctets)
	case strings.HasPrefix(name, mail.Separator), strings.HasSuffix(name, mail.Separator),
		strings.Contains(name, mail.Separator+mail.Separator):
		return "", mail.Errorf(mail.CodeInvalid, "each level of a mailbox name needs a name")
	case strings.ContainsFunc(name, notInName):
		return "", mail.Errorf(mail.CodeInvalid, "a mailbox name has no control characters")
	}
	return name, nil
}

// notInName refuses control characters and the line and paragraph separators
// that Net-Unicode forbids (RFC 5198 §2, RFC 9051 §5.1).
func notInName(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// superiors gives the names above a name, the highest first.
func superiors(name string) []string {
	var out []string
	for i := 0; i < len(name); i++ {
		if name[i] == mail.Separator[0] {
			out = append(out, name[:i])
		}
	}
	return out
}
