package relay

import (
	"context"
	"hash/fnv"
	"net"
	"net/netip"
)

// Families is a choice of IP versions.
type Families int

// The choices of Families.
const (
	BothFamilies Families = iota // alternating, IPv6 first: one broken version costs one attempt, not all
	IPv4First
	IPv4Only
	IPv6Only
)

// order gives the addresses of a host in the order they are tried.
func (f Families) order(addrs []netip.AddrPort) []netip.AddrPort {
	var six, four []netip.AddrPort
	for _, a := range addrs {
		if a.Addr().Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	switch f {
	case IPv4First:
		return append(four, six...)
	case IPv4Only:
		return four
	case IPv6Only:
		return six
	}
	var out []netip.AddrPort
	for i := range max(len(six), len(four)) {
		if i < len(six) {
			out = append(out, six[i])
		}
		if i < len(four) {
			out = append(out, four[i])
		}
	}
	return out
}

// source chooses where a connection for a destination comes from.
func (c *Client) source(domain string, to netip.Addr) netip.Addr {
	var fit []netip.Addr
	for _, a := range c.cfg.Sources {
		if a.Is4() == to.Is4() {
			fit = append(fit, a)
		}
	}
	if len(fit) == 0 {
		return netip.Addr{}
	}
	h := fnv.New32a()
	h.Write([]byte(domain))
	return fit[h.Sum32()%uint32(len(fit))]
}

func dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, "tcp", to.String())
}
