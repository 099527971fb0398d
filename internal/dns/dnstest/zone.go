package dnstest

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"

	"postroom/internal/dns"
)

// Zone is a dns.Resolver in memory, for checks that ask much. It is for one
// goroutine at a time.
type Zone struct {
	records map[string][]mdns.RR
	broken  map[string]bool
	asked   []string
}

// NewZone takes records in zone file form, as Server.Add does.
func NewZone(lines ...string) *Zone {
	z := &Zone{records: map[string][]mdns.RR{}, broken: map[string]bool{}}
	for _, line := range lines {
		rr, err := mdns.NewRR(line)
		if err != nil || rr == nil {
			panic(fmt.Sprintf("dnstest: %q: %v", line, err))
		}
		name := strings.ToLower(rr.Header().Name)
		z.records[name] = append(z.records[name], rr)
	}
	return z
}

// Break makes every question for these names fail for now.
func (z *Zone) Break(names ...string) {
	for _, n := range names {
		z.broken[strings.ToLower(mdns.Fqdn(n))] = true
	}
}

// Asked gives the questions so far, as "TXT name", in order.
func (z *Zone) Asked() []string { return z.asked }

func (z *Zone) look(ctx context.Context, name string, qtype uint16) ([]mdns.RR, error) {
	name = strings.ToLower(mdns.Fqdn(name))
	fail := &dns.Error{Name: strings.TrimSuffix(name, "."), Type: mdns.TypeToString[qtype], Kind: dns.Temporary}
	z.asked = append(z.asked, fail.Type+" "+fail.Name)
	if z.broken[name] || ctx.Err() != nil {
		return nil, fail
	}
	var out []mdns.RR
	for _, rr := range z.records[name] {
		if rr.Header().Rrtype == qtype {
			out = append(out, rr)
		} else if c, ok := rr.(*mdns.CNAME); ok {
			return z.look(ctx, c.Target, qtype)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	fail.Kind = dns.NotFound
	for n := range z.records {
		if n == name || strings.HasSuffix(n, "."+name) {
			fail.Kind = dns.NoRecords
		}
	}
	return nil, fail
}

// LookupMX implements dns.Resolver.
func (z *Zone) LookupMX(ctx context.Context, domain string) ([]dns.MX, error) {
	rrs, err := z.look(ctx, domain, mdns.TypeMX)
	var out []dns.MX
	for _, rr := range rrs {
		mx := rr.(*mdns.MX)
		host := strings.ToLower(mx.Mx)
		if host != "." {
			host = strings.TrimSuffix(host, ".")
		}
		out = append(out, dns.MX{Host: host, Preference: mx.Preference})
	}
	return out, err
}

// LookupAddrs implements dns.Resolver.
func (z *Zone) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	rrs, err := z.look(ctx, host, mdns.TypeAAAA)
	four, err4 := z.LookupA(ctx, host)
	var out []netip.Addr
	for _, rr := range rrs {
		a, _ := netip.AddrFromSlice(rr.(*mdns.AAAA).AAAA)
		out = append(out, a)
	}
	if out = append(out, four...); len(out) > 0 {
		return out, nil
	}
	if dns.IsTemporary(err) {
		return nil, err
	}
	return nil, err4
}

// LookupA implements dns.Resolver.
func (z *Zone) LookupA(ctx context.Context, host string) ([]netip.Addr, error) {
	rrs, err := z.look(ctx, host, mdns.TypeA)
	var out []netip.Addr
	for _, rr := range rrs {
		a, _ := netip.AddrFromSlice(rr.(*mdns.A).A)
		out = append(out, a.Unmap())
	}
	return out, err
}

// LookupTXT implements dns.Resolver.
func (z *Zone) LookupTXT(ctx context.Context, name string) ([]string, error) {
	rrs, err := z.look(ctx, name, mdns.TypeTXT)
	var out []string
	for _, rr := range rrs {
		out = append(out, dns.Text(rr.(*mdns.TXT)))
	}
	return out, err
}

// LookupPTR implements dns.Resolver.
func (z *Zone) LookupPTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	name, err := mdns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return nil, err
	}
	rrs, err := z.look(ctx, name, mdns.TypePTR)
	var out []string
	for _, rr := range rrs {
		out = append(out, strings.ToLower(strings.TrimSuffix(rr.(*mdns.PTR).Ptr, ".")))
	}
	return out, err
}
