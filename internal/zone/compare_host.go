package zone

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"postroom/internal/dns"
)

// mx wants our host among the MX records. What is wrong with the others is
// told too: mail goes there as well.
func (c comparer) mx(ctx context.Context, rec Record) Result {
	mxs, err := c.r.LookupMX(ctx, rec.Name)
	if err != nil {
		return failed(rec, err)
	}
	var hosts []string
	for _, m := range mxs {
		hosts = append(hosts, m.Host)
	}
	switch {
	case slices.Contains(hosts, "."):
		return differs(rec, "a null MX says that the domain takes no mail (RFC 7505)", hosts...)
	case !slices.Contains(hosts, c.f.Host.Name):
		return differs(rec, "no MX record names "+c.f.Host.Name, hosts...)
	}
	for _, h := range hosts {
		if about := c.mxHost(ctx, h); about != "" {
			return differs(rec, about, hosts...)
		}
	}
	return fits(rec)
}

// mxHost finds what an MX host must not be: an alias (RFC 5321 §5.1, RFC 2181
// §10.3), or, where it is not this server, without address.
func (c comparer) mxHost(ctx context.Context, host string) string {
	if a, err := c.r.Lookup(ctx, host, mdns.TypeCNAME); err == nil && len(a.Records) > 0 {
		return "the MX host " + host + " is an alias (CNAME), which an MX must not name"
	}
	if host == c.f.Host.Name {
		return ""
	}
	if _, err := c.r.LookupAddrs(ctx, host); err != nil && !dns.IsTemporary(err) {
		return "the MX host " + host + " has no address"
	}
	return ""
}

func (c comparer) address(ctx context.Context, rec Record) Result {
	qtype := mdns.StringToType[rec.Type]
	found, err := c.strings(ctx, rec.Name, qtype)
	if err != nil {
		return failed(rec, err)
	}
	if !slices.Contains(found, rec.Value) {
		return differs(rec, "", found...)
	}
	for _, f := range found {
		if a, err := netip.ParseAddr(f); err == nil && !slices.Contains(c.f.Host.Addresses, a) {
			return differs(rec, "the name also leads to "+f+", which is not known as an address of this server", found...)
		}
	}
	return fits(rec)
}

// ptr wants the host's own name; that the name leads back is what the address
// records are compared for.
func (c comparer) ptr(ctx context.Context, rec Record) Result {
	found, err := c.strings(ctx, rec.Name, mdns.TypePTR)
	if err != nil {
		return failed(rec, err)
	}
	if out := among(rec, found); out.State != OK {
		out.About = "the address has another name than the server calls itself"
		return out
	}
	return fits(rec)
}

func (c comparer) srv(ctx context.Context, rec Record) Result {
	a, err := c.r.Lookup(ctx, rec.Name, mdns.TypeSRV)
	if err != nil {
		return failed(rec, err)
	}
	want, _ := mdns.NewRR(rec.Zone)
	w, _ := want.(*mdns.SRV)
	var found []string
	for _, rr := range a.Records {
		s, ok := rr.(*mdns.SRV)
		if ok && w != nil && strings.EqualFold(s.Target, w.Target) && s.Port == w.Port {
			return fits(rec) // priority and weight are the owner's
		}
		found = append(found, data(rr))
	}
	return differs(rec, "", found...)
}

// alias wants a name to lead where the host's name leads, by CNAME or by the
// same addresses.
func (c comparer) alias(ctx context.Context, rec Record) Result {
	a, err := c.r.Lookup(ctx, rec.Name, mdns.TypeCNAME)
	if err == nil && len(a.Records) > 0 {
		return among(rec, []string{data(a.Records[0])})
	}
	addrs, err2 := c.r.LookupAddrs(ctx, rec.Name)
	switch {
	case dns.IsTemporary(err) || dns.IsTemporary(err2):
		return failed(rec, &dns.Error{Name: rec.Name, Type: rec.Type, Kind: dns.Temporary})
	case err2 != nil:
		return failed(rec, err)
	}
	var found []string
	ours := true
	for _, a := range addrs {
		found = append(found, a.String())
		ours = ours && slices.Contains(c.f.Host.Addresses, a)
	}
	if ours {
		return fits(rec)
	}
	return differs(rec, "the name leads to another server", found...)
}

// tlsa needs one record of our key; others may stand beside it, as they do
// while keys change (RFC 7671 §8.1).
func (c comparer) tlsa(ctx context.Context, rec Record) Result {
	a, err := c.r.Lookup(ctx, rec.Name, mdns.TypeTLSA)
	if err != nil {
		return failed(rec, err)
	}
	var found []string
	for _, rr := range a.Records {
		found = append(found, data(rr))
	}
	out := among(rec, found)
	switch {
	case out.State != OK && a.Authentic:
		// The record is optional as long as it is not there.
		out.Need, out.About = Required, "the zone has DNSSEC: senders with DANE find that the key is another, and deliver nothing"
	case !a.Authentic:
		out.About = "without DNSSEC, or without a resolver that validates it: senders ignore the record"
	}
	return out
}

// caa climbs from the host to the root for the set that holds (RFC 8659 §3).
func (c comparer) caa(ctx context.Context, rec Record) Result {
	missing := failed(rec, &dns.Error{Kind: dns.NotFound})
	for i, name := 0, rec.Name; name != ""; i++ {
		found, err := c.strings(ctx, name, mdns.TypeCAA)
		switch {
		case dns.IsTemporary(err):
			return failed(rec, err)
		case err == nil:
			return c.authorised(rec, name, found)
		case i == 0:
			missing = failed(rec, err)
		}
		_, name, _ = strings.Cut(name, ".")
	}
	return missing
}

func (c comparer) authorised(rec Record, name string, found []string) Result {
	issuers := 0
	_, ca, _ := strings.Cut(rec.Value, `"`)
	ca = strings.Trim(ca, `"`)
	for _, f := range found {
		fields := strings.SplitN(f, " ", 3)
		if len(fields) < 3 || !strings.EqualFold(fields[1], "issue") {
			continue
		}
		issuers++
		// Parameters after ";" bind accounts and methods (RFC 8659 §4.2).
		if issuer, _, _ := strings.Cut(strings.Trim(fields[2], `"`), ";"); strings.EqualFold(strings.TrimSpace(issuer), ca) {
			return fits(rec)
		}
	}
	if issuers == 0 {
		return failed(rec, &dns.Error{Kind: dns.NoRecords})
	}
	return differs(rec, "the CAA records of "+name+" forbid "+ca+" to issue certificates", found...)
}

// strings gives the values of records as zone files write them.
func (c comparer) strings(ctx context.Context, name string, qtype uint16) ([]string, error) {
	a, err := c.r.Lookup(ctx, name, qtype)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, rr := range a.Records {
		out = append(out, data(rr))
	}
	return out, nil
}

// data gives the value of a record without its name, TTL and type.
func data(rr mdns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }
