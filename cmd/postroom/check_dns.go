package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postroom/internal/address"
	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/store"
)

// dns looks up what other servers will look up: the hostname and back, and the
// records of each domain.
func (c *checker) dns(s *store.Store) {
	resolver, err := dns.New(dns.Config{Servers: c.cfg.DNSServers, Timeout: checkTime / 2, Rounds: 1})
	if err != nil {
		c.failed("dns", err)
		return
	}
	c.dnsHost(resolver)
	domains, err := s.Domains(c.e.ctx)
	if err != nil {
		c.failed("database", err)
		return
	}
	if len(domains) == 0 {
		c.add("dns", levelNote, "there are no domains yet", "postroom domain add example.org")
	}
	bar := c.e.progress("asking DNS")
	for i, d := range domains {
		c.dnsDomain(resolver, s, d)
		bar.at(int64(i+1), int64(len(domains)))
	}
	bar.end()
}

func (c *checker) ask() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.e.ctx, checkTime)
}

func (c *checker) dnsHost(r dns.Resolver) {
	ctx, cancel := c.ask()
	defer cancel()
	addrs, err := r.LookupAddrs(ctx, c.cfg.Hostname)
	if err != nil || len(addrs) == 0 {
		c.add("dns", levelFail, fmt.Sprintf("the hostname %s has no address (%v)", c.cfg.Hostname, err), "add an A (and AAAA) record for it")
		return
	}
	for _, a := range addrs {
		names, err := r.LookupPTR(ctx, a)
		if err != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, c.cfg.Hostname) }) {
			c.add("dns", levelWarn, fmt.Sprintf("%s does not lead back to %s", a, c.cfg.Hostname),
				"ask the owner of the address for a PTR record; many servers refuse mail without it")
			continue
		}
		c.add("dns", levelOK, fmt.Sprintf("%s is %s and back", c.cfg.Hostname, a), "")
	}
}

func (c *checker) dnsDomain(r dns.Resolver, s *store.Store, d mail.DomainListing) {
	name := address.DisplayDomain(d.Name)
	missing := c.findings[:len(c.findings):len(c.findings)]
	ctx, cancel := c.ask()
	defer cancel()
	mx, err := r.LookupMX(ctx, d.Name)
	if !slices.ContainsFunc(mx, func(m dns.MX) bool { return strings.EqualFold(m.Host, c.cfg.Hostname) }) {
		c.add("dns", levelFail, fmt.Sprintf("%s: no MX record points to %s%s", name, c.cfg.Hostname, because(err)),
			fmt.Sprintf("add: %s. MX 10 %s.", d.Name, c.cfg.Hostname))
	}
	if !c.hasTXT(r, d.Name, "v=spf1") {
		c.add("dns", levelWarn, name+": no SPF record", fmt.Sprintf(`add: %s. TXT "v=spf1 mx -all"`, d.Name))
	}
	if !c.hasTXT(r, "_dmarc."+d.Name, "v=DMARC1") {
		c.add("dns", levelWarn, name+": no DMARC record", fmt.Sprintf(`add: _dmarc.%s. TXT "v=DMARC1; p=none; rua=mailto:postmaster@%s"`, d.Name, d.Name))
	}
	for _, k := range d.Keys {
		host := k.Selector + "._domainkey." + d.Name
		if !c.hasTXT(r, host, "v=DKIM1") {
			c.add("dns", levelWarn, fmt.Sprintf("%s: no DKIM record %s", name, host), "postroom dkim "+name+" prints it")
		}
	}
	if len(c.findings) == len(missing) {
		c.add("dns", levelOK, name+": MX, SPF, DKIM and DMARC are there", "")
	}
}

func (c *checker) hasTXT(r dns.Resolver, name, prefix string) bool {
	ctx, cancel := c.ask()
	defer cancel()
	records, _ := r.LookupTXT(ctx, name)
	return slices.ContainsFunc(records, func(t string) bool { return strings.HasPrefix(t, prefix) })
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}
