package main

import (
	"context"
	"encoding/base64"
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
	for i, d := range domains {
		c.dnsDomain(resolver, s, d)
		c.bar.at(int64(i+1), int64(len(domains)))
	}
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
	c.dkim(r, d)
	if len(c.findings) == len(missing) {
		c.add("dns", levelOK, name+": MX, SPF, DKIM and DMARC are there", "")
	}
}

// dkim compares what is published with the keys that sign: a record of another
// key makes every signature a bad one.
func (c *checker) dkim(r dns.Resolver, d mail.DomainListing) {
	name, signs := address.DisplayDomain(d.Name), 0
	for _, k := range d.Keys {
		if !k.RetiredAt.IsZero() {
			continue
		}
		signs++
		host := k.Selector + "._domainkey." + d.Name
		published := c.txt(r, host)
		switch {
		case !slices.ContainsFunc(published, func(t string) bool { return dkimTag(t, "p") != "" }):
			c.add("dns", levelWarn, fmt.Sprintf("%s: no DKIM record %s", name, host), "postroom dkim "+name+" prints it")
		case !slices.ContainsFunc(published, func(t string) bool { return dkimTag(t, "p") == base64.StdEncoding.EncodeToString(k.Public) }):
			c.add("dns", levelFail, fmt.Sprintf("%s: the DKIM record %s holds another key than the one that signs", name, host),
				"publish the record that postroom dkim "+name+" prints")
		}
	}
	if signs == 0 {
		c.add("dns", levelWarn, name+": no DKIM key, mail goes out unsigned", "postroom dkim renew "+name)
	}
}

// dkimTag gives the value of a tag of a key record (RFC 6376 §3.6.1), blanks
// left out.
func dkimTag(record, tag string) string {
	for part := range strings.SplitSeq(record, ";") {
		if k, v, _ := strings.Cut(part, "="); strings.TrimSpace(k) == tag {
			return strings.Join(strings.Fields(v), "")
		}
	}
	return ""
}

func (c *checker) txt(r dns.Resolver, name string) []string {
	ctx, cancel := c.ask()
	defer cancel()
	records, _ := r.LookupTXT(ctx, name)
	return records
}

func (c *checker) hasTXT(r dns.Resolver, name, prefix string) bool {
	return slices.ContainsFunc(c.txt(r, name), func(t string) bool { return strings.HasPrefix(t, prefix) })
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}
