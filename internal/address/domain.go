package address

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// lookup maps as UTS #46 asks for names that people typed, without the
// transitional rewriting (ß stays ß), and applies the host name rules of
// STD 3: no underscores, no empty labels.
var lookup = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.BidiRule(),
	idna.CheckJoiners(true),
	idna.CheckHyphens(true),
	idna.ValidateLabels(true),
	idna.VerifyDNSLength(true),
)

// Domain gives the lower-case A-label form of a mail domain. Errors are
// *mail.Error with CodeInvalid.
func Domain(s string) (string, error) {
	if len(s) > 4*MaxDomain || !utf8.ValidString(s) {
		return "", invalid("invalid domain")
	}
	if isASCII(s) {
		s = strings.ToLower(s)
	}
	if !plainLDH(s) || strings.Contains(s, "xn--") {
		a, err := lookup.ToASCII(s)
		if err != nil {
			return "", invalid("invalid domain")
		}
		s = a
	}
	if !hostname(s) {
		return "", invalid("invalid domain")
	}
	return s, nil
}

// Name gives the lower-case A-label form of a name that stands in the DNS,
// without the last dot. It is Domain for names that others chose: underscores
// and other odd ASCII that the DNS can hold are kept, so that nobody escapes a
// check by a name that is no host name. Errors are *mail.Error with
// CodeInvalid.
func Name(s string) (string, error) {
	s = strings.TrimSuffix(s, ".")
	if !isASCII(s) {
		return Domain(s)
	}
	if s == "" || len(s) > MaxDomain {
		return "", invalid("invalid domain")
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notNameChar) {
			return "", invalid("invalid domain")
		}
	}
	return strings.ToLower(s), nil
}

// notNameChar tells what is refused in a name: controls, space, and what would
// change its meaning in a zone file, an address or a header.
func notNameChar(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"()<>[]:;@\,`, r)
}

// DisplayDomain gives the U-label form of an A-label domain, or the domain
// itself where no valid one exists.
func DisplayDomain(aLabel string) string {
	if !strings.Contains(aLabel, "xn--") {
		return aLabel
	}
	u, err := lookup.ToUnicode(aLabel)
	if err != nil {
		return aLabel
	}
	return u
}

func parseDomain(s string, literal bool) (string, error) {
	if !strings.HasPrefix(s, "[") {
		return Domain(s)
	}
	if !literal {
		return "", invalid("address literals are not accepted")
	}
	return Literal(s)
}

// Literal checks an address literal of RFC 5321 §4.1.3 and gives it in its
// canonical spelling, brackets included.
func Literal(s string) (string, error) {
	inner, ok := strings.CutPrefix(s, "[")
	inner, ok2 := strings.CutSuffix(inner, "]")
	if !ok || !ok2 {
		return "", invalid("invalid address literal")
	}
	v6 := len(inner) > 5 && strings.EqualFold(inner[:5], "IPv6:")
	if v6 {
		inner = inner[5:]
	}
	ip, err := netip.ParseAddr(inner)
	if err != nil || ip.Zone() != "" || ip.Is4() == v6 {
		return "", invalid("invalid address literal")
	}
	if v6 {
		return "[IPv6:" + ip.String() + "]", nil
	}
	return "[" + ip.String() + "]", nil
}

func plainLDH(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// hostname checks what no mapping may get around: lengths, letters, digits
// and inner hyphens, and a last label that is no number, so that an IP
// address without brackets is no domain.
func hostname(s string) bool {
	if s == "" || len(s) > MaxDomain || !plainLDH(s) {
		return false
	}
	var last string
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != ""
}
