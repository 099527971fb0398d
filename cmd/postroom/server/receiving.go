package server

import (
	"context"
	"net/netip"

	"postroom/delivery"
	"postroom/internal/dns"
	"postroom/internal/dnsbl"
	"postroom/internal/iprev"
)

// receiving says by what strangers on port 25 are judged.
func (s *Server) receiving() delivery.Receiving {
	return delivery.Receiving{
		Reverse:    func(ctx context.Context, a netip.Addr) iprev.Result { return iprev.Check(ctx, s.resolver, a) },
		Blocked:    dnsLists(s.resolver, s.cfg.DNSBL),
		Allowed:    dnsLists(s.resolver, s.cfg.DNSWL),
		Greylist:   s.cfg.Greylist == "on",
		ExemptPeer: gatewayPeer(s.gateways),
	}
}

// dnsLists fits DNS lists to delivery; nil for none.
func dnsLists(r dns.Resolver, names []string) delivery.Blocklists {
	if len(names) == 0 {
		return nil
	}
	zones := make([]dnsbl.Zone, len(names))
	for i, n := range names {
		zones[i].Name = n
	}
	return lists{dnsbl.New(r, zones)}
}

type lists struct{ all *dnsbl.Lists }

// Check asks all of them.
func (l lists) Check(ctx context.Context, a netip.Addr) ([]delivery.Listing, error) {
	found, err := l.all.Check(ctx, a)
	var out []delivery.Listing
	for _, f := range found {
		out = append(out, delivery.Listing{Zone: f.Zone, Text: f.Text})
	}
	return out, err
}
