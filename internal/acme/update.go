package acme

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mholt/acmez/v3/acme"
	mdns "github.com/miekg/dns"
)

const (
	updateTime   = 10 * time.Second // of one question or update
	challengeTTL = 60
	// spreadTime is how long the zone's servers may take to show a record;
	// afterwards the authority sees for itself.
	spreadTime, spreadPoll = time.Minute, 2 * time.Second
)

// DNSUpdate proves names by DNS-01: it writes the TXT record by dynamic update
// (RFC 2136).
type DNSUpdate struct {
	Server string // host:port of the zone's primary
	Key    TSIGKey
	// Addrs finds the zone's name servers; nil: they are not waited for.
	Addrs func(ctx context.Context, host string) ([]netip.Addr, error)
	// Port is where the zone's name servers answer; "": 53.
	Port string
}

// updateError is what went wrong between us and the DNS server.
type updateError struct{ text string }

// Error implements error.
func (e *updateError) Error() string { return e.text }

// Present implements acmez.Solver: RFC 2136 §2.5.1.
func (d *DNSUpdate) Present(ctx context.Context, c acme.Challenge) error {
	return d.update(ctx, c, (*mdns.Msg).Insert)
}

// CleanUp implements acmez.Solver: RFC 2136 §2.5.4, this record alone. The
// attempt may have ended ctx.
func (d *DNSUpdate) CleanUp(ctx context.Context, c acme.Challenge) error {
	return d.update(context.WithoutCancel(ctx), c, (*mdns.Msg).Remove)
}

func record(c acme.Challenge) *mdns.TXT {
	return &mdns.TXT{Hdr: mdns.RR_Header{Name: mdns.Fqdn(c.DNS01TXTRecordName()), Rrtype: mdns.TypeTXT,
		Class: mdns.ClassINET, Ttl: challengeTTL}, Txt: []string{c.DNS01KeyAuthorization()}}
}

func (d *DNSUpdate) update(ctx context.Context, c acme.Challenge, change func(*mdns.Msg, []mdns.RR)) error {
	rr := record(c)
	zone, err := d.zone(ctx, rr.Hdr.Name)
	if err != nil {
		return err
	}
	m := new(mdns.Msg)
	m.SetUpdate(zone)
	change(m, []mdns.RR{rr})
	client := mdns.Client{Net: "tcp", Timeout: updateTime}
	if d.Key.Name != "" {
		m.SetTsig(d.Key.Name, d.Key.Algorithm, 300, time.Now().Unix())
		client.TsigSecret = map[string]string{d.Key.Name: d.Key.Secret}
	}
	r, _, err := client.ExchangeContext(ctx, m, d.Server)
	if err != nil {
		return &updateError{fmt.Sprintf("DNS update of %s: %v", zone, err)}
	}
	if r.Rcode != mdns.RcodeSuccess {
		return &updateError{fmt.Sprintf("DNS update of %s: the server answers %s", zone, mdns.RcodeToString[r.Rcode])}
	}
	return nil
}

// zone finds the zone of a name: the nearest name above with a SOA record.
func (d *DNSUpdate) zone(ctx context.Context, name string) (string, error) {
	for at, end := 0, false; !end; at, end = mdns.NextLabel(name, at) {
		r, err := ask(ctx, d.Server, name[at:], mdns.TypeSOA)
		if err != nil {
			return "", &updateError{fmt.Sprintf("zone of %s: %v", name, err)}
		}
		for _, rr := range r.Answer {
			if soa, ok := rr.(*mdns.SOA); ok && mdns.CanonicalName(soa.Hdr.Name) == mdns.CanonicalName(name[at:]) {
				return soa.Hdr.Name, nil
			}
		}
	}
	return "", &updateError{fmt.Sprintf("%s is in no zone of %s", name, d.Server)}
}

func ask(ctx context.Context, server, name string, qtype uint16) (*mdns.Msg, error) {
	m := new(mdns.Msg)
	m.SetQuestion(name, qtype)
	client := mdns.Client{Net: "tcp", Timeout: updateTime}
	r, _, err := client.ExchangeContext(ctx, m, server)
	return r, err
}

// Wait implements acmez.Waiter: until every name server of the zone shows the
// record, which secondaries do a moment after the primary.
func (d *DNSUpdate) Wait(ctx context.Context, c acme.Challenge) error {
	rr := record(c)
	wait, cancel := context.WithTimeout(ctx, spreadTime)
	defer cancel()
	for _, server := range d.servers(wait, rr.Hdr.Name) {
		for !shows(wait, server, rr) {
			t := time.NewTimer(spreadPoll)
			select {
			case <-wait.Done():
				t.Stop()
				return ctx.Err()
			case <-t.C:
			}
		}
	}
	return nil
}

// servers are the zone's name servers, as far as they can be found.
func (d *DNSUpdate) servers(ctx context.Context, name string) (out []string) {
	if d.Addrs == nil {
		return nil
	}
	port := d.Port
	if port == "" {
		port = "53"
	}
	zone, err := d.zone(ctx, name)
	if err != nil {
		return nil
	}
	r, err := ask(ctx, d.Server, zone, mdns.TypeNS)
	if err != nil {
		return nil
	}
	for _, rr := range r.Answer {
		if ns, ok := rr.(*mdns.NS); ok {
			addrs, _ := d.Addrs(ctx, ns.Ns)
			for _, a := range addrs {
				out = append(out, net.JoinHostPort(a.String(), port))
			}
		}
	}
	return out
}

func shows(ctx context.Context, server string, want *mdns.TXT) bool {
	r, err := ask(ctx, server, want.Hdr.Name, mdns.TypeTXT)
	if err != nil {
		return false
	}
	for _, rr := range r.Answer {
		if txt, ok := rr.(*mdns.TXT); ok && len(txt.Txt) == 1 && txt.Txt[0] == want.Txt[0] {
			return true
		}
	}
	return false
}
