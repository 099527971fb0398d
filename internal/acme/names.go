package acme

import (
	"context"
	"net/netip"
	"slices"

	"postroom/internal/dns"
)

// Prefixes are the hosts of a mail domain that mail programs and other servers
// look for over HTTPS.
var Prefixes = []string{"mta-sts.", "autoconfig.", "autodiscover."}

// Wanted decides which names should have a certificate.
type Wanted struct {
	Hostname string
	// Names, when there are any, are all, and no DNS is asked.
	Names    []string
	Domains  func(ctx context.Context) ([]string, error) // hosted here, A-labels
	Resolver interface {
		LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error)
	}
	// Covered tells names that certificate files are there for; nil: none.
	Covered func(name string) bool
}

// List gives the names, hostname first: those hosts of the domains that lead to
// where hostname leads. A name of known whose DNS is broken for now stays.
func (w Wanted) List(ctx context.Context, known []string) ([]string, error) {
	all := w.Names
	if len(all) == 0 {
		var err error
		if all, err = w.found(ctx, known); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, n := range all {
		if !slices.Contains(out, n) && (w.Covered == nil || !w.Covered(n)) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (w Wanted) found(ctx context.Context, known []string) ([]string, error) {
	out := []string{w.Hostname}
	ours, err := w.Resolver.LookupAddrs(ctx, w.Hostname)
	if dns.IsTemporary(err) {
		return nil, err
	}
	domains, err := w.Domains(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		for _, p := range Prefixes {
			addrs, err := w.Resolver.LookupAddrs(ctx, p+d)
			if dns.IsTemporary(err) && slices.Contains(known, p+d) || err == nil && LeadsToUs(addrs, ours) {
				out = append(out, p+d)
			}
		}
	}
	return out, ctx.Err()
}

// LeadsToUs tells whether a name with these addresses leads to us and nowhere
// else: an authority may ask any of them.
func LeadsToUs(addrs, ours []netip.Addr) bool {
	for _, a := range addrs {
		if !slices.Contains(ours, a) {
			return false
		}
	}
	return len(addrs) > 0
}
