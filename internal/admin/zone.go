package admin

import (
	"context"

	"postroom/internal/mail"
	"postroom/internal/mtasts"
	"postroom/internal/zone"
)

// ZoneFacts gives what the DNS records of a domain follow from: the keys that
// sign, the smarthost, and host, which is what the server knows of itself.
// With a Facts of its own, zone.Records gives the records and zone.Compare
// compares them.
func (a *Admin) ZoneFacts(ctx context.Context, domain string, host zone.Host) (zone.Facts, error) {
	d, err := domainName(domain)
	if err != nil {
		return zone.Facts{}, err
	}
	if host.Name, err = domainName(host.Name); err != nil {
		return zone.Facts{}, err
	}
	if _, err := a.Store.Domain(ctx, d); err != nil {
		return zone.Facts{}, err
	}
	keys, err := a.Store.DKIMKeys(ctx, d)
	if err != nil {
		return zone.Facts{}, err
	}
	smarthosts, err := a.Store.Smarthosts(ctx)
	if err != nil {
		return zone.Facts{}, err
	}
	for _, s := range smarthosts {
		if s.Domain == "" {
			host.Smarthost = s.Host
		}
	}
	facts := zone.Facts{Host: host, Domain: d, Keys: signing(keys)}
	policy, ok, err := a.Store.MTASTS(ctx, d)
	if ok {
		facts.MTASTS = mtasts.ID(policy)
	}
	return facts, err
}

func signing(keys []mail.DKIMKey) (out []mail.DKIMKey) {
	for _, k := range keys {
		if k.RetiredAt.IsZero() {
			out = append(out, k)
		}
	}
	return out
}
