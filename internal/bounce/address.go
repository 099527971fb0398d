package bounce

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// afterType gives what follows the type of "type; value" (RFC 3464 §2.1.2), or
// all of a value that has none.
func afterType(v []byte) []byte {
	kind, value, ok := bytes.Cut(v, []byte(";"))
	if !ok || bytes.ContainsAny(bytes.TrimSpace(kind), " @<") {
		return bytes.TrimSpace(v)
	}
	return bytes.TrimSpace(value)
}

// maxTyped bounds an address with its type, in octets: 254 of at most ten for
// an escape (RFC 5321 §4.5.3.1.3).
const maxTyped = 3 << 10

// typedAddress reads "rfc822; a@b" and "utf-8; a@b" in its three forms (RFC 6533
// §3). It gives the null address for what is no address of ours.
func typedAddress(v []byte) mail.Address {
	if len(v) > maxTyped {
		return mail.Address{}
	}
	kind, _, _ := bytes.Cut(v, []byte(";"))
	s := string(afterType(v))
	if strings.EqualFold(string(bytes.TrimSpace(kind)), "utf-8") {
		s = unitext(s)
	}
	a, _ := bareAddress(s)
	return a
}

// bareAddress reads an address that may stand in angle brackets.
func bareAddress(s string) (mail.Address, bool) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") {
		s = s[1 : len(s)-1]
	}
	a, err := address.ParseLiteralOK(s)
	return a, err == nil
}

// unitext undoes \x{HEXPOINT}, of 2 to 6 digits (RFC 6533 §3). What is none
// stays, so that it makes no valid address.
func unitext(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, `\x{`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		hex, after, closed := strings.Cut(rest, "}")
		n, err := strconv.ParseUint(hex, 16, 32)
		if !closed || err != nil || len(hex) < 2 || len(hex) > 6 || !utf8.ValidRune(rune(n)) {
			b.WriteString(`\x{`)
			s = rest
			continue
		}
		b.WriteRune(rune(n))
		s = after
	}
}
