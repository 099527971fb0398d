// Package dmarc tells whether the domain that a reader sees in From stands
// behind a message, and what its owner asks for when it does not: RFC 7489
// with the records, the tree walk and the alignment of its successor, RFC
// 9989. The author domain, the results of SPF and DKIM, the DNS and chance are
// given; a DNS that does not answer gives temperror, never pass or fail.
package dmarc

import (
	"context"
	"math/rand/v2"

	"postroom/internal/address"
	"postroom/internal/dns"
)

// Status is the result for Authentication-Results (RFC 7489 §11.2).
type Status string

// The results.
const (
	StatusNone Status = "none" // no record: DMARC does not apply
	Pass       Status = "pass"
	Fail       Status = "fail"
	TempError  Status = "temperror" // the DNS does not answer for now
	PermError  Status = "permerror" // no such domain can be, or its record is unusable
)

// Disposition is what the owner asks for this message, after t and pct. What
// is done is local policy (RFC 9989 §5.4).
type Disposition string

// The dispositions. Defer means that nobody can tell for now: 4xx.
const (
	DoNothing    Disposition = "none"
	DoQuarantine Disposition = "quarantine"
	DoReject     Disposition = "reject"
	Defer        Disposition = "defer"
)

// Identifier is a domain with what SPF or DKIM found out about it.
type Identifier struct {
	Domain string // of the reverse-path, or of HELO where that is null; or d=
	Status string // as Authentication-Results spells it; "pass" and "temperror" count
}

// Result of one evaluation.
type Result struct {
	Status       Status
	Domain       string // the author domain in A-labels
	OrgDomain    string // by the tree walk where alignment needed it, else by the public suffix list
	RecordDomain string // where the record stands; "" for none
	Record       Record
	Policy       Policy // of the record's p, sp or np the one that applies; "" without record
	SPFAligned   bool   // SPF passed for an aligned domain
	DKIMAligned  bool   // a signature of an aligned domain passed
	Disposition  Disposition
	Eased        Eased
}

// Eased tells why the disposition is a step below the policy.
type Eased string

// The reasons.
const (
	NotEased   Eased = ""
	Testing    Eased = "testing" // t=y
	SampledOut Eased = "sampled" // pct
)

// Evaluator holds what all evaluations share. Resolver must be set.
type Evaluator struct {
	Resolver dns.Resolver
	Percent  func() int // evenly 0 to 99, for pct; nil: chance
}

// maxIdentifiers bounds the signatures that are looked at.
const maxIdentifiers = 16

// Evaluate decides about one author domain. The caller decides what a message
// with no or several domains in From is. It asks at most eight names for the
// author domain and for each identifier within its organization.
func (e *Evaluator) Evaluate(ctx context.Context, author string, spf Identifier, dkim []Identifier) Result {
	out := Result{Status: PermError, Domain: author, Disposition: DoNothing}
	domain, err := address.Name(author)
	if err != nil {
		out.Domain = ""
		return out
	}
	out.Domain, out.OrgDomain = domain, OrgDomain(domain)
	a := alignment{records: records{dns: e.Resolver, kept: map[string]answer{}}, author: domain}
	if err := out.discover(ctx, &a); err != nil {
		out.Status, out.Disposition = TempError, Defer
		return out
	}
	switch {
	case out.RecordDomain == "":
		out.Status = StatusNone
		return out
	case out.Record.Invalid:
		return out
	}
	spfSeen := a.check(ctx, out.Record.StrictSPF, spf)
	dkimSeen := a.check(ctx, out.Record.StrictDKIM, dkim[:min(len(dkim), maxIdentifiers)]...)
	if a.org != "" {
		out.OrgDomain = a.org
	}
	out.SPFAligned, out.DKIMAligned = spfSeen == passes, dkimSeen == passes
	switch {
	case out.SPFAligned || out.DKIMAligned:
		out.Status = Pass
	case spfSeen == unclear || dkimSeen == unclear:
		out.Status = TempError
	default:
		out.Status = Fail
	}
	out.dispose(ctx, e)
	return out
}

// discover finds the record that applies (RFC 9989 §4.10.1): the author
// domain's, else its organization's, else its public suffix's.
func (out *Result) discover(ctx context.Context, a *alignment) error {
	rec, ok, err := a.at(ctx, a.author)
	if err != nil {
		return err
	}
	if ok {
		out.Record, out.RecordDomain, out.Policy = rec, a.author, rec.Policy
		return nil
	}
	found, err := a.walk(ctx, a.author)
	if err != nil || len(found) == 0 {
		return err
	}
	a.org = organization(a.author, found)
	use := found[len(found)-1]
	if use.PSD == Suffix && len(found) > 1 && found[len(found)-2].domain == a.org {
		use = found[len(found)-2]
	}
	out.Record, out.RecordDomain, out.OrgDomain = use.Record, use.domain, a.org
	out.Policy = or(use.SubdomainPolicy, use.Policy)
	return nil
}

func or(p, otherwise Policy) Policy {
	if p != "" {
		return p
	}
	return otherwise
}

// dispose applies np, t and pct to what did not pass.
func (out *Result) dispose(ctx context.Context, e *Evaluator) {
	if out.Status == Pass {
		return
	}
	if np := out.Record.NonexistentPolicy; out.RecordDomain != out.Domain && np != "" && np != out.Policy {
		switch exists, err := exists(ctx, e.Resolver, out.Domain); {
		case err != nil:
			out.Status, out.Disposition = TempError, Defer
			return
		case !exists:
			out.Policy = np
		}
	}
	switch {
	case out.Policy == None:
		// p=none must not change what happens to mail (RFC 9989 §5.4).
		return
	case out.Status == TempError:
		out.Disposition = Defer
		return
	case out.Record.Testing:
		out.Eased = Testing
	case out.Record.Percent < 100 && e.percent() >= out.Record.Percent:
		out.Eased = SampledOut
	}
	switch {
	case out.Eased == NotEased:
		out.Disposition = Disposition(out.Policy)
	case out.Policy == Reject:
		out.Disposition = DoQuarantine
	}
}

// percent decides whom pct samples.
//
// Deviation: RFC 9989 has dropped pct and wants it ignored. Records from
// before still carry it, and their owners would see all of a policy they asked
// for a part of; so RFC 7489 §6.6.4 is kept where there is no t.
func (e *Evaluator) percent() int {
	if e.Percent == nil {
		return rand.IntN(100)
	}
	return e.Percent()
}

// exists tells whether the DNS knows the domain at all, whatever records it has
// there (RFC 9989 §3.2.13, §A.4).
func exists(ctx context.Context, r dns.Resolver, domain string) (bool, error) {
	_, err := r.LookupMX(ctx, domain)
	if dns.IsTemporary(err) {
		return false, err
	}
	return !dns.IsNotFound(err), nil
}
