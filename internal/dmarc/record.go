package dmarc

import (
	"net/url"
	"strconv"
	"strings"
)

// Policy is what a domain's owner asks for mail that fails.
type Policy string

// The policies of p, sp and np (RFC 9989 §4.7).
const (
	None       Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

// PSD is the psd tag: whether a domain is a public suffix (RFC 9989 §4.7).
type PSD byte

// The values of psd.
const (
	Unknown      PSD = 'u'
	Suffix       PSD = 'y'
	Organization PSD = 'n'
)

// Record is a DMARC policy record, completed with the defaults of RFC 9989
// §4.7.
type Record struct {
	Policy            Policy
	SubdomainPolicy   Policy // sp; "" where absent
	NonexistentPolicy Policy // np; "" where absent
	StrictDKIM        bool
	StrictSPF         bool
	PSD               PSD
	Testing           bool // t=y
	// Percent is pct of RFC 7489 §6.3; 100 without it, and wherever there is a
	// t, which has taken its place.
	Percent int
	// Invalid is a record with a p, sp or np that cannot be read and no
	// address for reports: DMARC is not applied (RFC 9989 §4.10.1).
	Invalid bool
}

// Parse reads a TXT record; false is one that is no DMARC record, since it
// does not begin with v=DMARC1. Beyond that nothing is an error: what is
// unknown or cannot be read is as if it were not there, and of a tag that
// stands twice the first counts (RFC 9989 §4.8). Names and values are compared
// without case, but for DMARC1.
func Parse(txt string) (Record, bool) {
	out := Record{Policy: None, PSD: Unknown, Percent: 100}
	first := true
	seen := map[string]bool{}
	reports, unread, t := false, false, false
	for part := range strings.SplitSeq(txt, ";") {
		name, value, _ := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.Trim(name, " \t")), strings.Trim(value, " \t")
		if first {
			if first = false; name != "v" || value != "DMARC1" {
				return Record{}, false
			}
			continue
		}
		if seen[name] || !known[name] {
			continue
		}
		seen[name] = true
		switch value := strings.ToLower(value); name {
		case "p":
			unread = !readPolicy(&out.Policy, value) || unread
		case "sp":
			unread = !readPolicy(&out.SubdomainPolicy, value) || unread
		case "np":
			unread = !readPolicy(&out.NonexistentPolicy, value) || unread
		case "adkim":
			out.StrictDKIM = value == "s"
		case "aspf":
			out.StrictSPF = value == "s"
		case "psd":
			if value == "y" || value == "n" {
				out.PSD = PSD(value[0])
			}
		case "t":
			t, out.Testing = value == "y" || value == "n", value == "y"
		case "pct":
			if n, err := strconv.ParseUint(value, 10, 8); err == nil && n <= 100 {
				out.Percent = int(n)
			}
		case "rua":
			reports = hasURI(value)
		}
	}
	if t {
		out.Percent = 100
	}
	if unread {
		out.Policy, out.SubdomainPolicy, out.NonexistentPolicy = None, "", ""
		out.Invalid = !reports
	}
	return out, true
}

var known = map[string]bool{"p": true, "sp": true, "np": true, "adkim": true, "aspf": true, "psd": true,
	"t": true, "pct": true, "rua": true}

func readPolicy(to *Policy, value string) bool {
	switch p := Policy(value); p {
	case None, Quarantine, Reject:
		*to = p
		return true
	}
	return false
}

// hasURI looks for one reporting address with the syntax of a URI; the size
// after "!" is obsolete (RFC 9989 §4.8).
func hasURI(list string) bool {
	for s := range strings.SplitSeq(list, ",") {
		s, _, _ = strings.Cut(strings.Trim(s, " \t"), "!")
		u, err := url.Parse(s)
		if err == nil && u.Scheme != "" && (u.Opaque != "" || u.Host != "") {
			return true
		}
	}
	return false
}
