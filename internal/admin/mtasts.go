package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/mtasts"
	"postroom/internal/zone"
)

// MTASTS is the MTA-STS policy of a domain as it is shown.
type MTASTS struct {
	Domain string       `json:"domain"`
	Mode   string       `json:"mode"`              // "off" without a policy
	MaxAge int64        `json:"max_age,omitempty"` // seconds
	MX     []string     `json:"mx,omitempty"`
	ID     string       `json:"id,omitempty"`
	URL    string       `json:"url,omitempty"`
	Record *zone.Record `json:"dns,omitempty"` // what tells senders of it
}

// MTASTSArgs changes a policy: what is empty stays as it is, or gets its
// default.
type MTASTSArgs struct {
	Mode   string        // none, testing, enforce; off takes the policy away
	MaxAge time.Duration // default a week
	MX     []string      // default the server's own name
}

// mtastsOff is the mode of a domain that has no policy.
const mtastsOff = "off"

// mtastsMaxAge is the default: weeks are what RFC 8461 §3.2 expects.
const mtastsMaxAge = 7 * 24 * time.Hour

// MTASTS shows the policy of a domain.
func (a *Admin) MTASTS(ctx context.Context, domain string) (MTASTS, error) {
	d, err := domainName(domain)
	if err != nil {
		return MTASTS{}, err
	}
	p, ok, err := a.Store.MTASTS(ctx, d)
	if err != nil || !ok {
		return MTASTS{Domain: address.DisplayDomain(d), Mode: mtastsOff}, err
	}
	record := zone.MTASTSRecord(d, mtasts.ID(p))
	return MTASTS{Domain: address.DisplayDomain(d), Mode: p.Mode, MaxAge: int64(p.MaxAge / time.Second), MX: p.MX,
		ID: mtasts.ID(p), URL: "https://" + mtasts.Host + d + mtasts.Path, Record: &record}, nil
}

// SetMTASTS changes the policy of a domain, whose mail comes to hostname
// unless args or the policy of now say otherwise.
func (a *Admin) SetMTASTS(ctx context.Context, domain, hostname string, args MTASTSArgs) (MTASTS, error) {
	d, err := domainName(domain)
	if err != nil {
		return MTASTS{}, err
	}
	now, ok, err := a.Store.MTASTS(ctx, d)
	if err != nil {
		return MTASTS{}, err
	}
	var next *mail.MTASTS
	if args.Mode != mtastsOff {
		if !ok {
			now = mail.MTASTS{Mode: mail.MTASTSTesting, MaxAge: mtastsMaxAge, MX: []string{hostname}}
		}
		p, err := args.over(now)
		if err != nil {
			return MTASTS{}, err
		}
		next = &p
	}
	if err := a.Store.SetMTASTS(ctx, a.Actor, d, next); err != nil {
		return MTASTS{}, err
	}
	return a.MTASTS(ctx, domain)
}

// over gives the policy with the changes, checked.
func (args MTASTSArgs) over(p mail.MTASTS) (mail.MTASTS, error) {
	if args.Mode != "" {
		p.Mode = args.Mode
	}
	if args.MaxAge != 0 {
		p.MaxAge = args.MaxAge
	}
	if len(args.MX) > 0 {
		p.MX = args.MX
	}
	p.MX = slices.Clone(p.MX)
	for i, h := range p.MX {
		name, star := strings.CutPrefix(h, "*.")
		d, err := domainName(name)
		if err != nil {
			return p, err
		}
		if p.MX[i] = d; star {
			p.MX[i] = "*." + d
		}
	}
	return p, mtasts.Check(p)
}
