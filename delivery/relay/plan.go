package relay

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postroom/internal/dns"
)

// Plan lists the next hops of one destination in the order they are tried.
type Plan struct {
	Domain    string // destination, A-label or address literal
	Hosts     []Host
	Smarthost *Smarthost // set: Hosts is this one alone
}

// Host is one next hop.
type Host struct {
	Name string       // A-label; "" for an address literal
	Addr []netip.Addr // known already: a literal
	Port int
	pref uint16
}

// Plan finds the next hops of a destination (RFC 5321 §5.1). Its errors are
// *Failure.
func (c *Client) Plan(ctx context.Context, domain string) (Plan, error) {
	if c.cfg.Smarthost != nil {
		sh, err := c.cfg.Smarthost(ctx, domain)
		if err != nil {
			return Plan{}, temporary("4.3.0", "the smarthost settings cannot be read now", err)
		}
		if sh != nil {
			return Plan{Domain: domain, Smarthost: sh, Hosts: []Host{hostOf(sh.Host, sh.Port)}}, nil
		}
	}
	if strings.HasPrefix(domain, "[") {
		h := hostOf(domain, c.cfg.Port)
		if len(h.Addr) == 0 {
			return Plan{}, permanent(0, "5.1.3", "the address literal is not valid")
		}
		return Plan{Domain: domain, Hosts: []Host{h}}, nil
	}
	hosts, err := c.mxHosts(ctx, domain)
	return Plan{Domain: domain, Hosts: hosts}, err
}

// Holds tells whether a plan made before still goes by the smarthost that is
// set now. MX records are not asked again: they may live for hours anyhow.
func (c *Client) Holds(ctx context.Context, p Plan) bool {
	if c.cfg.Smarthost == nil {
		return p.Smarthost == nil
	}
	sh, err := c.cfg.Smarthost(ctx, p.Domain)
	switch {
	case err != nil:
		return false
	case sh == nil || p.Smarthost == nil:
		return sh == nil && p.Smarthost == nil
	}
	return *sh == *p.Smarthost
}

// hostOf takes a name, an address, or a literal in brackets.
func hostOf(name string, port int) Host {
	bare := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"), "IPv6:")
	if a, err := netip.ParseAddr(bare); err == nil {
		return Host{Addr: []netip.Addr{a.Unmap()}, Port: port}
	}
	if strings.HasPrefix(name, "[") {
		return Host{Port: port}
	}
	return Host{Name: strings.ToLower(strings.TrimSuffix(name, ".")), Port: port}
}

func (c *Client) mxHosts(ctx context.Context, domain string) ([]Host, error) {
	records, err := c.cfg.Resolver.LookupMX(ctx, domain)
	switch {
	case dns.IsNoRecords(err):
		// RFC 5321 §5.1: without MX records the domain itself is the host.
		return c.withoutSelf([]Host{{Name: domain, Port: c.cfg.Port}})
	case dns.IsNotFound(err):
		return nil, permanent(0, "5.1.2", "the domain "+domain+" does not exist")
	case err != nil:
		return nil, temporary("4.4.3", "the name servers of "+domain+" did not answer", err)
	}
	var hosts []Host
	for _, mx := range records {
		if mx.Host != "." && mx.Host != "" { // beside real ones a null MX says nothing (RFC 7505 §3)
			hosts = append(hosts, Host{Name: strings.ToLower(mx.Host), Port: c.cfg.Port, pref: mx.Preference})
		}
	}
	if len(hosts) == 0 {
		return nil, permanent(556, "5.1.10", "the domain "+domain+" accepts no mail (null MX)") // RFC 7505 §4.1
	}
	c.cfg.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	slices.SortStableFunc(hosts, func(a, b Host) int { return int(a.pref) - int(b.pref) })
	return c.withoutSelf(hosts)
}

// withoutSelf drops this host and all that are no better (RFC 5321 §5.1), so
// that a backup MX never sends to itself or to its equals.
func (c *Client) withoutSelf(hosts []Host) ([]Host, error) {
	for _, h := range hosts {
		if strings.EqualFold(h.Name, c.cfg.Hostname) {
			hosts = slices.DeleteFunc(slices.Clone(hosts), func(o Host) bool { return o.pref >= h.pref })
			break
		}
	}
	if len(hosts) == 0 {
		return nil, loopFailure()
	}
	return hosts, nil
}

func loopFailure() *Failure {
	return permanent(0, "5.4.6", "the mail exchanger of the domain is this host, which does not serve the domain")
}

// isSelf tells an address of ours: mail there would loop.
func (c *Client) isSelf(a netip.AddrPort) bool {
	if a.Port() == 25 && (a.Addr().IsLoopback() || a.Addr().IsUnspecified()) {
		return true
	}
	return c.cfg.IsSelf != nil && c.cfg.IsSelf(a)
}

// addresses gives where host is to be reached, in the order to try.
func (c *Client) addresses(ctx context.Context, h Host) ([]netip.AddrPort, error) {
	addrs := h.Addr
	if len(addrs) == 0 {
		var err error
		if addrs, err = c.cfg.Resolver.LookupAddrs(ctx, h.Name); err != nil {
			return nil, err
		}
	}
	var out []netip.AddrPort
	for _, a := range addrs {
		out = append(out, netip.AddrPortFrom(a.Unmap(), uint16(h.Port)))
	}
	return c.cfg.Families.order(out), nil
}

func (h Host) label(a netip.AddrPort) string {
	at := "[" + a.Addr().String() + "]"
	if a.Port() != 25 {
		at += ":" + strconv.Itoa(int(a.Port()))
	}
	if h.Name == "" {
		return at
	}
	return h.Name + " " + at
}
