package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"postroom/internal/dns"
	"postroom/internal/dnsbl"
	"postroom/internal/iprev"
	"postroom/internal/zone"
	"postroom/store"
)

// maxClockOffset is what may lie between this clock and the database's.
const maxClockOffset = 5 * time.Second

func (c *checker) clock(s *store.Store) {
	off, err := s.ClockOffset(c.e.ctx)
	switch {
	case err != nil:
		c.failed("clock", err)
	case off.Abs() > maxClockOffset:
		c.add("clock", levelWarn, fmt.Sprintf("the database's clock differs from this machine's by %v", off.Abs().Round(100*time.Millisecond)),
			"let NTP set both: dates of mail, retries, signatures and certificates depend on them")
	default:
		c.add("clock", levelOK, "this machine and the database agree", "")
	}
}

// reputation looks at what receivers look at before they read a message: the
// names of the addresses that mail goes out from, and block lists.
func (c *checker) reputation(r dns.Resolver, host zone.Host) {
	for _, a := range host.Senders() {
		c.reverse(r, a)
		c.blockLists(r, a)
	}
}

func (c *checker) reverse(r dns.Resolver, a netip.Addr) {
	ctx, cancel := c.ask()
	defer cancel()
	got := iprev.Check(ctx, r, a)
	const ask = "ask the provider of the address for a PTR record that names the hostname; many servers refuse mail without it"
	switch {
	case got.Status == iprev.TempError:
		c.add("reverse name", levelWarn, fmt.Sprintf("%s: cannot be looked up for now", a), "ask again later")
	case got.Status == iprev.PermError:
		c.add("reverse name", levelFail, fmt.Sprintf("%s has no name", a), ask)
	case got.Status == iprev.Fail:
		c.add("reverse name", levelFail, fmt.Sprintf("%s has a name that does not lead back to it", a), ask)
	case iprev.Generic(got.Name, a):
		c.add("reverse name", levelWarn, fmt.Sprintf("%s is called %s, as addresses of access networks are", a, got.Name), ask)
	default:
		c.add("reverse name", levelOK, fmt.Sprintf("%s is %s and back", a, got.Name), "")
	}
}

func (c *checker) blockLists(r dns.Resolver, a netip.Addr) {
	if len(c.cfg.CheckDNSBLs) == 0 {
		return
	}
	var zones []dnsbl.Zone
	for _, name := range c.cfg.CheckDNSBLs {
		zones = append(zones, dnsbl.Zone{Name: name})
	}
	ctx, cancel := context.WithTimeout(c.e.ctx, 2*checkTime)
	defer cancel()
	listings, err := dnsbl.New(r, zones).Check(ctx, a)
	for _, l := range listings {
		c.add("block lists", levelFail, fmt.Sprintf("%s is listed by %s %v: %s", a, l.Zone, l.Answers, orDash(l.Text)),
			"find out what was sent from here (postroom queue list, postroom trace), end it, then ask the list to remove the address")
	}
	unusable := split(err)
	for _, err := range unusable {
		c.add("block lists", levelNote, fmt.Sprintf("%v: whether %s is listed is not known", err, a),
			"several lists answer no public resolver: a resolver of your own (dns_servers) gets an answer")
	}
	if n := len(zones) - len(unusable) - len(listings); n > 0 {
		c.add("block lists", levelOK, fmt.Sprintf("%s is not listed by %d of %d", a, n, len(zones)), "")
	}
}

// split gives the errors that were joined.
func split(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		return joined.Unwrap()
	}
	return []error{err}
}
