package smtpd

import (
	"encoding/hex"
	"strings"
)

// unitext escapes what an ORCPT of type utf-8 does not hold as it is
// (RFC 6533 §3); controls are not let through anyway.
var unitext = strings.NewReplacer(`\`, `\x{5C}`, "+", `\x{2B}`, "=", `\x{3D}`, " ", `\x{20}`)

// typedORCPT gives an ORCPT of type rfc822 that spells UTF-8 by xtext, as Postfix
// does for each international recipient, the type that such an address has
// (RFC 6533 §3). Everything else stays as it is, to be read or refused.
func typedORCPT(value string) string {
	kind, coded, _ := strings.Cut(value, ";")
	address, ok := decodeXtext(coded)
	if !ok || !strings.EqualFold(kind, "rfc822") || ascii(address) || !cleanText(address) {
		return value
	}
	return "utf-8;" + unitext.Replace(address)
}

// decodeXtext reads xtext (RFC 3461 §4).
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for {
		plain, rest, coded := strings.Cut(s, "+")
		b.WriteString(plain)
		if !coded {
			return b.String(), true
		}
		octet, err := hex.DecodeString(rest[:min(2, len(rest))])
		if err != nil || len(octet) != 1 {
			return "", false
		}
		b.Write(octet)
		s = rest[2:]
	}
}
