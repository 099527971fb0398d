package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"

	"postroom/internal/acme"
	"postroom/internal/address"
	"postroom/internal/config"
	"postroom/internal/mail"
)

// openACME takes up the certificates that the store has.
func (s *Server) openACME(ctx context.Context, o Options) error {
	a := s.cfg.ACME
	c := acme.Config{Store: s.store, Key: s.currentKey(o), Open: s.ring.Open, Directory: a.Directory, Email: a.Email,
		Names: s.wantedNames, Log: s.log}
	var err error
	if c.Roots, err = acmeRoots(a.CA); err != nil {
		return err
	}
	if c.DNS, err = s.dnsUpdate(a); err != nil {
		return err
	}
	if c.DNS == nil && s.cfg.HasRole("http") {
		if c.HTTPPort, err = portOf(s.cfg.Listen.HTTP, "listen.http"); err != nil {
			return err
		}
		if c.HTTPSPort, err = portOf(s.cfg.Listen.HTTPS, "listen.https"); err != nil {
			return err
		}
	}
	if c.DNS == nil && c.HTTPPort == 0 && c.HTTPSPort == 0 {
		s.log.Warn("acme is on and nothing here can prove names: this process only serves the certificates that others get",
			"hint", "set listen.http or listen.https, or acme_dns_server")
	}
	s.acme = acme.New(c)
	return s.acme.Load(ctx)
}

// startACME begins to get and renew certificates. It comes after the ports are
// open: the library opens its own where it finds them free.
func (s *Server) startACME(context.Context, Options) error {
	if s.acme != nil {
		s.work.Go(func() {
			defer s.acme.Close()
			s.acme.Run(s.ctx)
		})
	}
	return nil
}

// portOf gives the port of the first address; 0 without any.
func portOf(addrs []string, key string) (int, error) {
	if len(addrs) == 0 {
		return 0, nil
	}
	a, err := net.ResolveTCPAddr("tcp", addrs[0])
	if err != nil || a.Port == 0 {
		return 0, mail.Errorf(mail.CodeInvalid, "%s: acme needs an address with a port", key)
	}
	return a.Port, nil
}

func acmeRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("acme_ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, mail.Errorf(mail.CodeInvalid, "acme_ca: no certificate in %s", file)
	}
	return pool, nil
}

// dnsUpdate is how names are proven by DNS-01; nil when they are not.
func (s *Server) dnsUpdate(a config.ACME) (*acme.DNSUpdate, error) {
	if a.DNSServer == "" {
		return nil, nil
	}
	d := &acme.DNSUpdate{Server: a.DNSServer}
	d.Addrs = func(ctx context.Context, host string) ([]netip.Addr, error) { return s.resolver.LookupAddrs(ctx, host) }
	if a.DNSKey == "" {
		return d, nil
	}
	raw, err := os.ReadFile(a.DNSKey)
	if err == nil {
		d.Key, err = acme.ParseTSIGKey(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("acme_dns_key: %w", err)
	}
	return d, nil
}

// wantedNames are those that certificates are got for.
func (s *Server) wantedNames(ctx context.Context, known []string) ([]string, error) {
	w := acme.Wanted{Hostname: s.cfg.Hostname, Domains: s.domainNames, Resolver: s.resolver, Covered: s.tls.Covers}
	for _, n := range s.cfg.ACME.Names {
		a, err := address.Domain(n)
		if err != nil {
			return nil, err
		}
		w.Names = append(w.Names, a)
	}
	return w.List(ctx, known)
}

func (s *Server) domainNames(ctx context.Context) ([]string, error) {
	list, err := s.store.Domains(ctx)
	var out []string
	for _, d := range list {
		out = append(out, d.Name)
	}
	return out, err
}
