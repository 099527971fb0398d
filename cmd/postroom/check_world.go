package main

import (
	"fmt"
	"slices"

	"postroom/internal/admin"
	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/internal/zone"
	"postroom/store"
)

// world checks the named domain, or all.
func (cmd checkCmd) world(c *checker) error {
	s, err := c.e.store()
	if err != nil {
		return err
	}
	domains, err := s.Domains(c.e.ctx)
	if err != nil {
		return err
	}
	if cmd.Domain != "" {
		d, err := admin.New(admin.Config{Store: s, Actor: c.e.actor()}).Domain(c.e.ctx, cmd.Domain)
		if err != nil {
			return err
		}
		domains = slices.DeleteFunc(domains, func(l mail.DomainListing) bool { return l.Name != d.ASCII })
	}
	c.bar = c.e.progress("checking")
	c.full(s, domains)
	c.bar.end()
	return c.print()
}

// full is the whole check of these domains, from the point of view of the rest
// of the world.
func (c *checker) full(s *store.Store, domains []mail.DomainListing) {
	r, host := c.resolverAndHost()
	if r == nil {
		return
	}
	c.certificates(s)
	c.clock(s)
	for i, d := range domains {
		if !c.domain(s, r, host, d.Name, true) {
			return
		}
		c.bar.at(int64(i+1), int64(len(domains)))
	}
	c.reputation(r, host)
	c.outward(r, s)
	if len(domains) > 0 {
		c.openRelay(r, host, domains[0])
	}
}

// resolverAndHost gives the resolver, nil when none can be had, and this server
// as it knows itself.
func (c *checker) resolverAndHost() (*dns.Client, zone.Host) {
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
