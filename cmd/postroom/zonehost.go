package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"postroom/internal/config"
	"postroom/internal/dns"
	"postroom/internal/zone"
)

// resolver asks the configured DNS servers; a question takes at most checkTime.
func (e *env) resolver() (*dns.Client, error) {
	return dns.New(dns.Config{Servers: e.cfg.DNSServers, Timeout: checkTime / 2, Rounds: 1})
}

// zoneHost is what this server knows of itself that the records of its domains
// follow from.
func (e *env) zoneHost(r dns.Resolver) zone.Host {
	l := e.cfg.Listen
	h := zone.Host{Name: e.cfg.Hostname, Addresses: e.publicAddresses(r),
		Outgoing: slices.DeleteFunc(slices.Clone(e.cfg.RelaySources), func(a netip.Addr) bool { return !isPublic(a) }),
		Ports: zone.Ports{SMTP: portOf(l.SMTP), Submissions: portOf(l.Submissions), Submission: portOf(l.Submission),
			IMAPS: portOf(l.IMAPS), IMAP: portOf(l.IMAP), HTTPS: httpsPort(e.cfg)},
		Leaf: e.servedLeaf()}
	if e.cfg.ACME.On() {
		h.ACMEDirectory = e.cfg.ACME.Directory
	}
	return h
}

// publicAddresses are the configured ones; else this machine's own, if they are
// public; else, for a machine behind NAT or in a container, what the DNS has
// for the hostname.
func (e *env) publicAddresses(r dns.Resolver) []netip.Addr {
	if len(e.cfg.PublicAddresses) > 0 {
		return e.cfg.PublicAddresses
	}
	ctx, cancel := context.WithTimeout(e.ctx, checkTime)
	defer cancel()
	published, _ := r.LookupAddrs(ctx, e.cfg.Hostname)
	own := ownAddresses()
	stranger := func(a netip.Addr) bool { return !slices.Contains(own, a) }
	if len(own) == 0 || (len(published) > 0 && !slices.ContainsFunc(published, stranger)) {
		return published
	}
	return oneOfEach(own)
}

// ownAddresses are the public ones of this machine's interfaces.
func ownAddresses() (out []netip.Addr) {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && isPublic(p.Addr().Unmap()) {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}

// oneOfEach leaves the first IPv4 and the first IPv6 address: further ones of
// an interface are often temporary (RFC 8981).
func oneOfEach(addrs []netip.Addr) (out []netip.Addr) {
	for _, is4 := range []bool{true, false} {
		if i := slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Is4() == is4 }); i >= 0 {
			out = append(out, addrs[i])
		}
	}
	return out
}

// shared is the address space of carrier-grade NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// httpsPort is where HTTPS is served; 443 behind a proxy that owns it, 0 for nowhere.
func httpsPort(cfg *config.Config) int {
	if p := portOf(cfg.Listen.HTTPS); p != 0 || !cfg.HasRole("http") || len(cfg.HTTPProxies) == 0 {
		return p
	}
	return 443
}

func portOf(listen []string) int {
	if len(listen) == 0 {
		return 0
	}
	_, port, _ := net.SplitHostPort(listen[0])
	n, _ := strconv.Atoi(port)
	return n
}

// servedLeaf reads the certificate that clients see; nil when there is none
// yet, or when it cannot be read here.
func (e *env) servedLeaf() *x509.Certificate {
	var raw []byte
	if e.cfg.TLSCert == "" && e.cfg.ACME.On() {
		raw = e.issuedChain()
	}
	if raw == nil {
		file := e.cfg.TLSCert
		if file == "" {
			file = filepath.Join(e.cfg.DataDir, "tls", "cert.pem")
		}
		raw, _ = os.ReadFile(file)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf
}

// issuedChain is what ACME got for the hostname, leaf first; nil for none, or
// without the master key at hand.
func (e *env) issuedChain() []byte {
	s, err := e.store()
	if err != nil {
		return nil
	}
	key, err := e.masterKey(s)
	if err != nil {
		return nil
	}
	sealed, err := s.SealedCertificates(e.ctx, []string{e.cfg.Hostname})
	if err != nil || sealed[e.cfg.Hostname] == nil {
		return nil
	}
	chain, err := key.Open("certificates", e.cfg.Hostname, sealed[e.cfg.Hostname])
	if err != nil {
		return nil
	}
	return chain
}

// zoneFacts gives what the records of a hosted domain follow from.
func (e *env) zoneFacts(domain string) (zone.Facts, error) {
	a, err := e.admin()
	if err != nil {
		return zone.Facts{}, err
	}
	r, err := e.resolver()
	if err != nil {
		return zone.Facts{}, err
	}
	return a.ZoneFacts(e.ctx, domain, e.zoneHost(r))
}
