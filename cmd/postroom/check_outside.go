package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/internal/openrelay"
	"postroom/internal/zone"
	"postroom/store"
)

// outward connects to a well-known MX, to see whether the provider lets port
// 25 out. It says nothing and sends nothing.
func (c *checker) outward(r dns.Resolver, s *store.Store) {
	smarthosts, err := s.Smarthosts(c.e.ctx)
	if err == nil && slices.ContainsFunc(smarthosts, func(h mail.Smarthost) bool { return h.Domain == "" }) {
		c.add("outward", levelNote, "all mail goes out through a smarthost: port 25 outward is not needed", "")
		return
	}
	if c.cfg.CheckProbe == "" {
		return
	}
	ctx, cancel := c.ask()
	defer cancel()
	hosts, err := c.probeAddresses(ctx, r)
	if err != nil {
		c.add("outward", levelWarn, fmt.Sprintf("cannot tell whether port 25 is open: no MX of %s is found: %v", c.cfg.CheckProbe, err),
			"set check_probe to a domain that has one")
		return
	}
	for _, addr := range hosts {
		if err = greets(ctx, addr); err == nil {
			c.add("outward", levelOK, "port 25 is open outward: "+addr+" answers", "")
			return
		}
	}
	c.add("outward", levelFail, fmt.Sprintf("port 25 outward seems blocked: no MX of %s answers: %v", c.cfg.CheckProbe, err),
		"ask your provider to open it, or: postroom smarthost set HOST")
}

// maxProbed bounds the addresses that outward tries, within one checkTime.
const maxProbed = 3

// probeAddresses puts IPv4 first: a machine without IPv6 would spend the time on it.
func (c *checker) probeAddresses(ctx context.Context, r dns.Resolver) ([]string, error) {
	mxs, err := r.LookupMX(ctx, c.cfg.CheckProbe)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(mxs, func(a, b dns.MX) int { return int(a.Preference) - int(b.Preference) })
	addrs, err := r.LookupAddrs(ctx, mxs[0].Host)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	var out []string
	for _, a := range addrs[:min(len(addrs), maxProbed)] {
		out = append(out, net.JoinHostPort(a.String(), strconv.Itoa(c.cfg.RelayPort)))
	}
	return out, nil
}

// greets waits for the first line of a server.
func greets(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime/2)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	line, err := bufio.NewReaderSize(conn, 1024).ReadSlice('\n')
	if err != nil {
		return err
	}
	if code := string(line[:min(3, len(line))]); code != "220" && code != "554" {
		return fmt.Errorf("%s is no mail server, something on the way answers: %s", addr, oneLine(strings.TrimSpace(string(line))))
	}
	return nil
}

// relayTime bounds the probes of one address.
const relayTime = 30 * time.Second

// openRelay asks each address that the domain's MX leads to, if it is this
// server's, to relay.
func (c *checker) openRelay(r dns.Resolver, host zone.Host, d mail.DomainListing) {
	ctx, cancel := context.WithTimeout(c.e.ctx, relayTime)
	defer cancel()
	mxs, err := r.LookupMX(ctx, d.Name)
	if err != nil {
		c.add("open relay", levelNote, "not tried: "+err.Error(), "")
		return
	}
	if !slices.ContainsFunc(mxs, func(m dns.MX) bool { return m.Host == host.Name }) {
		c.add("open relay", levelNote, "not tried: the MX records of "+d.Name+" do not lead here", "")
		return
	}
	addrs, err := r.LookupAddrs(ctx, host.Name)
	if err != nil {
		c.add("open relay", levelNote, "not tried: "+err.Error(), "")
		return
	}
	probes := openrelay.Probes(d.Name, host.Name)
	if len(d.CatchAll) > 0 {
		// A catch-all takes every name, those that look like paths too.
		probes = slices.DeleteFunc(probes, func(p openrelay.Probe) bool { return p.Local })
	}
	for _, a := range addrs {
		addr := net.JoinHostPort(a.String(), strconv.Itoa(c.cfg.RelayPort))
		report, err := openrelay.Tester{HELO: host.Name}.Test(ctx, addr, probes)
		c.relayReport(report, err)
	}
}

func (c *checker) relayReport(report openrelay.Report, err error) {
	where := ""
	if !report.Outside {
		where = "; asked from this machine or its own network, so a firewall or a rule for own networks may answer others differently"
	}
	for _, x := range report.Open() {
		c.add("open relay", levelFail, fmt.Sprintf("%s takes mail for strangers (%s: MAIL FROM:<%s>, RCPT TO:<%s>): %s", report.Addr, x.Form, x.From, x.To, x.Reply),
			"end it at once: block lists find open relays within hours; is something in front of postroom that answers on that port?")
	}
	later := 0
	for _, x := range report.Results {
		if x.Temporary {
			later++
		}
	}
	switch {
	case err != nil:
		c.add("open relay", levelWarn, fmt.Sprintf("%s does not answer from here: %s", report.Addr, reason(err)), "try it from another network: nc -v HOST 25; behind NAT it may answer others and not this machine")
	case later > 0:
		c.add("open relay", levelWarn, fmt.Sprintf("%s refused %d of %d ways for now only%s", report.Addr, later, len(report.Results), where), "ask again later")
	case len(report.Open()) == 0:
		c.add("open relay", levelOK, fmt.Sprintf("%s refuses %d ways of relaying%s", report.Addr, len(report.Results), where), "")
	}
}

func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}
