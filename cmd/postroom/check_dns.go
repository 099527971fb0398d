package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postroom/internal/address"
	"postroom/internal/admin"
	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/internal/zone"
	"postroom/store"
)

// recordsTime bounds the look-ups for one domain: SPF alone may take 20 s (RFC
// 7208 §4.6.4).
const recordsTime = 4 * checkTime

// dns compares the records of every domain with what other servers look up.
func (c *checker) dns(s *store.Store) {
	r, host := c.world()
	domains, err := s.Domains(c.e.ctx)
	if err != nil {
		c.failed("database", err)
		return
	}
	if len(domains) == 0 {
		c.add("dns", levelNote, "there are no domains yet", "postroom domain add example.org")
	}
	for i, d := range domains {
		if r != nil {
			c.domain(s, r, host, d.Name, false)
		}
		c.bar.at(int64(i+1), int64(len(domains)))
	}
}

// world is the resolver, and this server as it knows itself; a nil resolver
// when none can be had.
func (c *checker) world() (*dns.Client, zone.Host) {
	r, err := c.e.resolver()
	if err != nil {
		c.failed("dns", err)
		return nil, zone.Host{}
	}
	host := c.e.zoneHost(r)
	if len(host.Addresses) == 0 {
		c.add("dns", levelFail, fmt.Sprintf("the hostname %s has no address", host.Name),
			"add an A (and AAAA) record for it, or set public_addresses to the addresses that it should have")
	}
	return r, host
}

func (c *checker) ask() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.e.ctx, checkTime)
}

// domain compares the records of one domain; all tells of those that are well,
// too. The records of the host are told of once.
func (c *checker) domain(s *store.Store, r *dns.Client, host zone.Host, name string, all bool) {
	f, err := admin.New(admin.Config{Store: s, Actor: c.e.actor()}).ZoneFacts(c.e.ctx, name, host)
	if err != nil {
		c.failed("dns", err)
		return
	}
	records := slices.DeleteFunc(zone.Records(f), func(r zone.Record) bool { return c.told[r.Zone] })
	ctx, cancel := context.WithTimeout(c.e.ctx, recordsTime)
	defer cancel()
	bad := 0
	shown := address.DisplayDomain(f.Domain)
	for _, res := range zone.Compare(ctx, r, f, records) {
		c.told[res.Record.Zone] = true
		if res.State != zone.OK && res.Need != zone.Optional {
			bad++
		}
		if all || (res.State != zone.OK && res.Level() != zone.LevelNote) {
			c.record(shown, res)
		}
	}
	if len(f.Keys) == 0 {
		bad++
		c.add("dns", levelWarn, shown+": no DKIM key, mail goes out unsigned", "postroom dkim renew "+shown)
	}
	if bad == 0 && !all {
		c.add("dns", levelOK, shown+": what it needs is published", "")
	}
}

// record tells of one record.
func (c *checker) record(domain string, res zone.Result) {
	text := fmt.Sprintf("%s %s", res.Type, res.Name)
	switch res.State {
	case zone.OK:
		text += ": published"
	case zone.Missing:
		text += ": missing"
	case zone.Different:
		text += fmt.Sprintf(": is %s, should be %s", strings.Join(quotedAll(res.Found), " and "), res.Value)
	case zone.Unanswered:
		text += ": cannot be looked up for now"
	}
	if res.About != "" {
		text += " (" + res.About + ")"
	}
	hint := res.Breaks + "; add: " + res.Record.Zone
	switch {
	case res.State == zone.Unanswered:
		hint = "ask again; while the DNS does not answer, it is as if the record were missing: " + res.Breaks
	case res.Kind == zone.PTR:
		hint = res.Breaks + "; ask the provider of the address for: " + res.Record.Zone
	case res.State == zone.Different:
		hint = res.Breaks + "; have instead: " + res.Record.Zone
	}
	c.findings = append(c.findings, finding{Area: "dns", Level: string(res.Level()), Text: text, Hint: hint, Domain: domain, Record: &res})
}

// quotedAll cuts what strangers published to a readable length.
func quotedAll(found []string) []string {
	const most = 120
	out := make([]string, 0, len(found))
	for _, f := range found {
		if len(f) > most {
			f = f[:most] + "…"
		}
		out = append(out, fmt.Sprintf("%q", f))
	}
	return out
}

// full is the whole check of these domains, from the point of view of the rest
// of the world.
func (c *checker) full(s *store.Store, domains []mail.DomainListing) {
	r, host := c.world()
	if r == nil {
		return
	}
	c.certificate()
	c.clock(s)
	c.reputation(r, host)
	c.outward(r, s)
	for i, d := range domains {
		c.domain(s, r, host, d.Name, true)
		c.bar.at(int64(i+1), int64(len(domains)))
	}
	if len(domains) > 0 {
		c.openRelay(r, host, domains[0])
	}
}
