package dmarc

import (
	"context"
	"strings"

	"golang.org/x/net/publicsuffix"

	"postroom/internal/dns"
)

// maxLabels bounds a walk: a name of more labels goes on with seven, so that
// there are never more than eight questions (RFC 9989 §4.10).
const maxLabels = 8

// OrgDomain gives the organizational domain by the public suffix list (RFC
// 7489 §3.2): one label more than the suffix, or the name itself where it is a
// suffix. The name is in lower-case A-labels.
func OrgDomain(name string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name
	}
	return org
}

// targets are the names of a walk, from the longest (RFC 9989 §4.10).
func targets(name string) []string {
	out := []string{name}
	skip := strings.Count(name, ".") + 1 - maxLabels
	for {
		_, parent, more := strings.Cut(name, ".")
		if !more {
			return out
		}
		if name = parent; skip <= 0 {
			out = append(out, name)
		}
		skip--
	}
}

// published is a record and where it stands.
type published struct {
	domain string
	Record
}

// records asks and remembers for one evaluation.
type records struct {
	dns  dns.Resolver
	kept map[string]answer
}

type answer struct {
	rec Record
	ok  bool
}

// at gives the one DMARC record of a domain. Several are none (RFC 9989
// §4.10). The error is temporary.
//
// Deviation: a record without psd at a suffix that the public suffix list
// knows as a registry's counts as psd=y. RFC 9989 §11.8 warns of suffixes that
// forget the tag; all their registrants would be one organization.
func (r *records) at(ctx context.Context, domain string) (Record, bool, error) {
	if a, ok := r.kept[domain]; ok {
		return a.rec, a.ok, nil
	}
	txts, err := r.dns.LookupTXT(ctx, "_dmarc."+domain)
	if dns.IsTemporary(err) {
		return Record{}, false, err
	}
	var a answer
	n := 0
	for _, txt := range txts {
		if rec, ok := Parse(txt); ok {
			a, n = answer{rec, true}, n+1
		}
	}
	if n > 1 {
		a = answer{}
	}
	if suffix, icann := publicsuffix.PublicSuffix(domain); a.ok && a.rec.PSD == Unknown && icann && suffix == domain {
		a.rec.PSD = Suffix
	}
	r.kept[domain] = a
	return a.rec, a.ok, nil
}

// walk gives the records from name to the root or to the first with psd, from
// the longest name to the shortest.
func (r *records) walk(ctx context.Context, name string) ([]published, error) {
	var out []published
	for _, domain := range targets(name) {
		rec, ok, err := r.at(ctx, domain)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		out = append(out, published{domain, rec})
		if rec.PSD != Unknown {
			break
		}
	}
	return out, nil
}

// organization chooses the organizational domain of the name a walk began with
// (RFC 9989 §4.10.2).
func organization(name string, found []published) string {
	if len(found) == 0 {
		return name
	}
	last := found[len(found)-1] // the only one that can have psd
	if last.PSD == Suffix && last.domain != name {
		below := strings.TrimSuffix(name, "."+last.domain)
		return below[strings.LastIndexByte(below, '.')+1:] + "." + last.domain
	}
	return last.domain
}

// within tells whether name is domain or below it.
func within(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}
