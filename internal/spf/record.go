package spf

import (
	"errors"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// errSyntax makes permerror of a record.
var errSyntax = errors.New("syntax error in the SPF record")

// The grammar of RFC 7208 §7.1 and §12. The macro letters c, r and t are for
// explanations only (§7.2).
const (
	macroTail    = `(?:0*[1-9][0-9]*)?[rR]?[-.+,/_=]*\}`
	macroExpand  = `%(?:[-%_]|\{[slodiphvSLODIPHV]` + macroTail + `)`
	macroLiteral = `[!-$&-~]`
	macroString  = `(?:` + macroLiteral + `|` + macroExpand + `)*`
	topLabel     = `(?:[0-9A-Za-z]*[A-Za-z][0-9A-Za-z]*|[0-9A-Za-z]+-[-0-9A-Za-z]*[0-9A-Za-z])`
	domainSpec   = `(` + macroString + `(?:\.` + topLabel + `\.?|` + macroExpand + `))`
	cidr4        = `/(0|[1-9][0-9]?)`
	cidr6        = `/(0|[1-9][0-9]{0,2})`
	qualifier    = `[-+?~]?`
)

var (
	withCIDR = regexp.MustCompile(`^(?i:` + qualifier + `(?:a|mx))(?::` + domainSpec + `)?(?:` + cidr4 + `)?(?:/` + cidr6 + `)?$`)
	withName = regexp.MustCompile(`^(?i:` + qualifier + `(?:include|exists)):` + domainSpec + `$`)
	plain    = regexp.MustCompile(`^(?i:` + qualifier + `(?:all|ptr(?::` + domainSpec + `)?))$`)
	withIP   = regexp.MustCompile(`^(?i:` + qualifier + `ip([46])):([0-9A-Fa-f.:]+)(?:` + cidr6 + `)?$`)
	modifier = regexp.MustCompile(`^([A-Za-z][-0-9A-Za-z_.]*)=(.*)$`)

	anyName   = regexp.MustCompile(`^` + domainSpec + `$`)
	anyString = regexp.MustCompile(`^` + macroString + `$`)
	allTerm   = regexp.MustCompile(`^(?i:` + qualifier + `all)$`)
)

// record is what is kept of a valid one: the library evaluates the rest.
type record struct {
	exp, redirect string // domain-specs, not expanded; "" for none
	all           bool
}

// isRecord tells the version section of RFC 7208 §4.5.
func isRecord(txt string) bool {
	v, _, _ := strings.Cut(txt, " ")
	return strings.EqualFold(v, "v=spf1")
}

// parseRecord checks every term before any is evaluated (RFC 7208 §4.6).
func parseRecord(txt string) (record, error) {
	var r record
	for i, term := range strings.Split(txt, " ") {
		if i == 0 || term == "" {
			continue
		}
		if m := modifier.FindStringSubmatch(term); m != nil {
			if !r.modify(strings.ToLower(m[1]), m[2]) {
				return record{}, errSyntax
			}
			continue
		}
		if !validMechanism(term) {
			return record{}, errSyntax
		}
		r.all = r.all || allTerm.MatchString(term)
	}
	return r, nil
}

// modify takes a modifier; exp and redirect may stand once (RFC 7208 §6).
func (r *record) modify(name, value string) bool {
	switch {
	case name == "exp" && r.exp == "":
		r.exp = value
	case name == "redirect" && r.redirect == "":
		r.redirect = value
	case name == "exp" || name == "redirect":
		return false
	default:
		return anyString.MatchString(value)
	}
	return anyName.MatchString(value)
}

func validMechanism(term string) bool {
	if plain.MatchString(term) || withName.MatchString(term) {
		return true
	}
	if m := withCIDR.FindStringSubmatch(term); m != nil {
		return within(m[2], 32) && within(m[3], 128)
	}
	m := withIP.FindStringSubmatch(term)
	if m == nil {
		return false
	}
	ip, err := netip.ParseAddr(m[2])
	if m[1] == "4" {
		return err == nil && ip.Is4() && within(m[3], 32)
	}
	return err == nil && ip.Is6() && within(m[3], 128)
}

func within(length string, most int) bool {
	n, _ := strconv.Atoi(length)
	return n <= most
}
