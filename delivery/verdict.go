package delivery

import (
	"context"
	"slices"

	"postroom/internal/authres"
	"postroom/internal/dkim/sig"
	"postroom/internal/dmarc"
	"postroom/internal/mail"
	"postroom/internal/spf"
)

// Verdict is what becomes of a message from outside, decided between its last
// octet and the store: every check that looks at content ends in one.
type Verdict struct {
	Refuse  error  // what the peer is told, 4xx or 5xx; nil: the message is taken
	Junk    bool   // files into Junk
	Suspect bool   // files into Junk of those who do not know the sender
	Why     string // the reason, for log and timeline; "" when nothing is held against it
}

// OwnClaims is what becomes of mail on port 25 that claims one of our domains,
// in reverse-path or From, with neither SPF nor DKIM of that domain to show.
type OwnClaims string

// What can become of it.
const (
	OwnRefused  OwnClaims = "refuse"
	OwnJunk     OwnClaims = "junk"
	OwnAccepted OwnClaims = "accept"
)

// judgeEvidence decides by what the checks found.
func (d *Delivery) judgeEvidence(ctx context.Context, e *mail.Envelope, found *evidence) (Verdict, error) {
	if found.authors.fields > 1 { // RFC 5322 §3.6; each reader picks another
		return refuse(mail.CodeBadMessage, "the message has more than one From field"), nil
	}
	own, err := d.judgeOwnClaims(ctx, e, found)
	if err != nil || own.Refuse != nil {
		return own, err
	}
	policy := d.judgePolicies(found)
	if policy.Refuse != nil || policy.Junk {
		return policy, nil
	}
	if own.Junk {
		return own, nil
	}
	return looks(found), nil
}

func refuse(code mail.Code, text string) Verdict {
	return Verdict{Refuse: mail.Errorf(code, "%s", text), Why: text}
}

// judgeOwnClaims stops those who pretend to be us. Our own people log in.
func (d *Delivery) judgeOwnClaims(ctx context.Context, e *mail.Envelope, found *evidence) (Verdict, error) {
	if d.cfg.Checks.OwnClaims == OwnAccepted {
		return Verdict{}, nil
	}
	claims := found.authors.claimed
	if !e.From.IsNull() {
		claims = append([]string{e.From.Domain}, claims...)
	}
	for _, domain := range claims {
		ours, err := d.store.DomainHosted(ctx, domain)
		if err != nil {
			return Verdict{}, err
		}
		if !ours || found.proves(domain) || d.trusts(found) {
			continue
		}
		switch {
		case found.unclear(domain):
			return refuse(mail.CodeUnavailable, "who may send as "+domain+" cannot be looked up now"), nil
		case d.cfg.Checks.OwnClaims == OwnJunk:
			return Verdict{Junk: true, Why: "claims " + domain + " without proof"}, nil
		}
		return refuse(mail.CodePolicy, "mail from "+domain+" is taken from those who log in, or with its SPF or DKIM"), nil
	}
	return Verdict{}, nil
}

// judgePolicies obeys the DMARC policies of all authors, the strictest first
// (RFC 9989 §5.3, §5.4).
//
// Deviation: RFC 9989 §7.4 wants a receiver that knows nothing else of the
// message to treat p=reject as quarantine. Nothing else is known here beyond
// trusted seals, and whoever publishes p=reject asks for just that.
func (d *Delivery) judgePolicies(found *evidence) Verdict {
	var out Verdict
	for _, r := range found.dmarc {
		do := r.Disposition
		if do == dmarc.DoNothing || d.trusts(found) {
			continue
		}
		if found.arc.Temporary && len(d.cfg.Checks.TrustedSealers) > 0 {
			do = dmarc.Defer
		}
		if found.blind && do == dmarc.DoReject { // SPF could not be asked
			do = dmarc.DoQuarantine
		}
		switch do {
		case dmarc.DoReject:
			return refuse(mail.CodePolicy, "the DMARC policy of "+r.Domain+" asks to refuse this message")
		case dmarc.Defer:
			out = refuse(mail.CodeUnavailable, "the DMARC policy of "+r.Domain+" cannot be applied now: the DNS does not answer")
		default:
			if out.Refuse == nil {
				out = Verdict{Junk: true, Why: "the DMARC policy of " + r.Domain + " asks for quarantine"}
			}
		}
	}
	return out
}

// trusts tells that the chain passed and that a trusted sealer, with none but
// trusted ones behind it, saw DMARC pass (RFC 8617 §7.2).
func (d *Delivery) trusts(found *evidence) bool {
	if found.arc.Status != sig.Pass {
		return false
	}
	for _, set := range slices.Backward(found.arc.Sets) {
		if !slices.Contains(d.cfg.Checks.TrustedSealers, set.Seal.Domain) {
			return false
		}
		if slices.Contains(authres.Values(set.AuthResults, "dmarc"), "pass") {
			return true
		}
	}
	return false
}

// looks holds against a message what no policy decides.
func looks(found *evidence) Verdict {
	switch {
	case found.authors.unreadable:
		return Verdict{Suspect: true, Why: "the From field cannot be read for certain"}
	case found.authors.fields == 0:
		return Verdict{Suspect: true, Why: "there is no From field"}
	case found.spf.Status == spf.Fail && !found.signed() && !found.hasPolicy():
		return Verdict{Suspect: true, Why: "the SPF record of " + found.spf.Domain + " does not name this peer"}
	}
	return Verdict{}
}
