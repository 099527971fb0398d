package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"postroom/internal/address"
	"postroom/internal/admin"
	"postroom/internal/dns"
	"postroom/internal/zone"
	"postroom/store"
)

// recordsTime bounds the look-ups for one domain: SPF alone may take 20 s (RFC
// 7208 §4.6.4).
const recordsTime = 4 * checkTime

// dns compares the records of every domain with what other servers look up.
func (c *checker) dns(s *store.Store) {
	r, host := c.resolverAndHost()
	domains, err := s.Domains(c.e.ctx)
	if err != nil {
		c.failed("database", err)
		return
	}
	if len(domains) == 0 {
		c.add("dns", levelNote, "there are no domains yet", "postroom domain add example.org")
	}
	for i, d := range domains {
		if r == nil || !c.domain(s, r, host, d.Name, false) {
			return
		}
		c.bar.at(int64(i+1), int64(len(domains)))
	}
}

func (c *checker) ask() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.e.ctx, checkTime)
}

// domain compares the records of one domain; all tells of those that are well,
// too. The records of the host are told of once. False: no DNS server answers,
// and the other domains need not be tried.
func (c *checker) domain(s *store.Store, r *dns.Client, host zone.Host, name string, all bool) bool {
	f, err := admin.New(admin.Config{Store: s, Actor: c.e.actor()}).ZoneFacts(c.e.ctx, name, host)
	if err != nil {
		c.failed("dns", err)
		return true
	}
	records := slices.DeleteFunc(zone.Records(f), func(r zone.Record) bool { return c.told[r.Zone] })
	ctx, cancel := context.WithTimeout(c.e.ctx, recordsTime)
	defer cancel()
	results := zone.Compare(ctx, r, f, records)
	if c.dead(r, results) {
		return false
	}
	bad := 0
	shown := address.DisplayDomain(f.Domain)
	for _, res := range results {
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
	return true
}

// dead tells that it is not the domain's DNS that does not answer, but ours:
// even of the root there is no word.
func (c *checker) dead(r *dns.Client, results []zone.Result) bool {
	if slices.ContainsFunc(results, func(res zone.Result) bool { return res.State != zone.Unanswered }) {
		return false
	}
	ctx, cancel := c.ask()
	defer cancel()
	_, err := r.Lookup(ctx, ".", mdns.TypeNS)
	if !dns.IsTemporary(err) {
		return false
	}
	c.add("dns", levelFail, "no DNS server answers, so that nothing is known of any record: "+err.Error(),
		"set dns_servers, or look at /etc/resolv.conf; without DNS no mail goes out either")
	return true
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
