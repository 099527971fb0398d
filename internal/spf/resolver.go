package spf

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"postroom/internal/dns"
)

// resolver answers the library from ours, for one check. It refuses records
// that are not valid, and remembers what the explanation needs.
type resolver struct {
	dns     dns.Resolver
	v4      bool              // the peer is an IPv4 address
	cut     bool              // the time was over before the DNS answered
	asked   []string          // names of TXT questions, in order
	records map[string]record // by those names
}

// LookupTXT gives the SPF records of name. With one only, its syntax is
// checked before the library reads a term of it.
func (r *resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	name, ok := question(name)
	if !ok {
		return nil, failure(name, &dns.Error{Kind: dns.NotFound})
	}
	txts, err := r.dns.LookupTXT(ctx, name)
	if err != nil {
		return nil, r.failed(ctx, name, err)
	}
	txts = slices.DeleteFunc(slices.Clone(txts), func(t string) bool { return !isRecord(t) })
	if len(txts) != 1 {
		return txts, nil
	}
	rec, err := parseRecord(txts[0])
	r.asked, r.records[name] = append(r.asked, name), rec
	return txts, err
}

// LookupMX leaves out the host of a null MX (RFC 7505), by making it a name
// that has no address.
func (r *resolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	name, ok := question(name)
	if !ok {
		return nil, failure(name, &dns.Error{Kind: dns.NotFound})
	}
	mxs, err := r.dns.LookupMX(ctx, name)
	if err != nil {
		return nil, r.failed(ctx, name, err)
	}
	var out []*net.MX
	for _, mx := range mxs {
		out = append(out, &net.MX{Host: mx.Host, Pref: mx.Preference})
	}
	return out, nil
}

// LookupIPAddr asks for A records where the peer is an IPv4 address (RFC 7208
// §5). For an IPv6 peer it asks both, since exists wants A records always
// (§5.7) and cannot be told apart here; an A record matches no IPv6 peer.
func (r *resolver) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	host, ok := question(host)
	if !ok {
		return nil, failure(host, &dns.Error{Kind: dns.NotFound})
	}
	look := r.dns.LookupAddrs
	if r.v4 {
		look = r.dns.LookupA
	}
	addrs, err := look(ctx, host)
	if err != nil {
		return nil, r.failed(ctx, host, err)
	}
	var out []net.IPAddr
	for _, a := range addrs {
		out = append(out, net.IPAddr{IP: net.IP(a.AsSlice())})
	}
	return out, nil
}

// LookupAddr gives the names of an address, for ptr.
func (r *resolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, failure(addr, &dns.Error{Kind: dns.NotFound})
	}
	names, err := r.dns.LookupPTR(ctx, ip)
	if err != nil {
		return nil, r.failed(ctx, addr, err)
	}
	return names, nil
}

func (r *resolver) failed(ctx context.Context, name string, err error) error {
	r.cut = r.cut || ctx.Err() != nil
	return failure(name, err)
}

// failure puts an error of our resolver into the library's terms.
func failure(name string, err error) error {
	gone := dns.IsNotFound(err) || dns.IsNoRecords(err)
	return &net.DNSError{Err: err.Error(), Name: name, IsNotFound: gone, IsTemporary: !gone}
}

// question brings a name into the form that can be asked: without the last
// dot, and cut from the left to 253 octets (RFC 7208 §7.3). False is a name
// that the DNS cannot hold, or that nobody can have published: non-ASCII comes
// from a local part only.
func question(name string) (string, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for len(name) > 253 {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return name, false
		}
		name = rest
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, unaskable) {
			return name, false
		}
	}
	return name, true
}

// unaskable are controls, non-ASCII, and the escape of zone files.
func unaskable(r rune) bool { return r < ' ' || r >= 0x7f || r == '\\' }
