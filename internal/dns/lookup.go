package dns

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"
)

// LookupMX implements Resolver.
func (c *Client) LookupMX(ctx context.Context, domain string) ([]MX, error) {
	a, err := c.Lookup(ctx, domain, mdns.TypeMX)
	if err != nil {
		return nil, err
	}
	var out []MX
	for _, rr := range a.Records {
		if mx, ok := rr.(*mdns.MX); ok {
			host := strings.ToLower(mx.Mx)
			if host != "." {
				host = strings.TrimSuffix(host, ".")
			}
			out = append(out, MX{Host: host, Preference: mx.Preference})
		}
	}
	return out, nil
}

// LookupAddrs implements Resolver. Both families are asked at once; it fails
// only when neither has an address, as temporary when either was temporary.
func (c *Client) LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error) {
	type family struct {
		addrs []netip.Addr
		err   error
	}
	v6 := make(chan family, 1)
	go func() {
		a, err := c.addrs(ctx, host, mdns.TypeAAAA)
		v6 <- family{a, err}
	}()
	four, err4 := c.addrs(ctx, host, mdns.TypeA)
	six := <-v6
	if all := append(six.addrs, four...); len(all) > 0 {
		return all, nil
	}
	if err4 != nil && !IsTemporary(err4) && six.err != nil {
		return nil, six.err
	}
	return nil, err4
}

// LookupA implements Resolver.
func (c *Client) LookupA(ctx context.Context, host string) ([]netip.Addr, error) {
	return c.addrs(ctx, host, mdns.TypeA)
}

func (c *Client) addrs(ctx context.Context, host string, qtype uint16) ([]netip.Addr, error) {
	a, err := c.Lookup(ctx, host, qtype)
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, rr := range a.Records {
		var ip net.IP
		switch r := rr.(type) {
		case *mdns.A:
			ip = r.A
		case *mdns.AAAA:
			ip = r.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			out = append(out, addr.Unmap())
		}
	}
	return out, nil
}

// LookupTXT implements Resolver.
func (c *Client) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := c.Lookup(ctx, name, mdns.TypeTXT)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range a.Records {
		if txt, ok := rr.(*mdns.TXT); ok {
			out = append(out, Text(txt))
		}
	}
	return out, nil
}

// Text gives the octets of a TXT record, its strings joined. The library keeps
// them in the escapes of zone files (RFC 1035 §5.1).
func Text(rr *mdns.TXT) string {
	s := strings.Join(rr.Txt, "")
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:min(i+4, len(s))], 10, 8); err == nil && i+3 < len(s) {
				c, i = byte(n), i+3
			} else {
				c, i = s[i+1], i+1
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// LookupPTR implements Resolver.
func (c *Client) LookupPTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	name, err := mdns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return nil, &Error{Name: addr.String(), Type: "PTR", Kind: NotFound, Err: err}
	}
	a, err := c.Lookup(ctx, name, mdns.TypePTR)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range a.Records {
		if ptr, ok := rr.(*mdns.PTR); ok {
			out = append(out, strings.ToLower(strings.TrimSuffix(ptr.Ptr, ".")))
		}
	}
	return out, nil
}
