package server

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"postroom/internal/config"
	"postroom/internal/listen"
	"postroom/webui"
)

// openHTTP opens ports 80 and 443.
func (s *Server) openHTTP(context.Context, Options) error {
	if !s.cfg.HasRole("http") {
		return nil
	}
	secure := s.tls.Strict()
	var challenge func(http.Handler) http.Handler
	if s.acme != nil {
		secure, challenge = s.acme.ChallengeTLS(secure), s.acme.HTTPChallenge
	}
	s.web = webui.New(webui.Config{Challenge: challenge, Hostname: s.cfg.Hostname, Directory: s.store, Services: services(s.cfg),
		OAuth2: s.cfg.OIDCIssuer != "", Certificate: s.tls.Certificate, Ready: s.ready.check,
		Proxies: s.cfg.HTTPProxies, Observe: s.metrics.Request, Log: s.log}, secure)
	gate := listen.NewGate(s.cfg.Limits.Connections, s.cfg.Limits.ConnectionsPerAddress, s.manyClients())
	for _, d := range s.doors {
		if d.role != "http" {
			continue
		}
		c := listen.Config{Log: s.log}
		if d.implicit { // a proxy that owns 443 by HTTP has no PROXY header
			c.ProxyNetworks = s.cfg.ProxyNetworks
		}
		for _, socket := range d.sockets {
			l := listen.New(socket, c, gate)
			go s.serve(d.key, func() error { return s.web.Serve(l, d.implicit) })
		}
	}
	return nil
}

// manyClients tells the peers behind which many clients stand.
func (s *Server) manyClients() func(netip.Addr) bool {
	shared := exempt(s.cfg, s.gateways)
	return func(a netip.Addr) bool {
		for _, p := range s.cfg.HTTPProxies {
			if p.Contains(a.Unmap()) {
				return true
			}
		}
		return shared(a)
	}
}

// services are the ports that mail programs are told of: the standard ones,
// whichever of this machine they are led to.
func services(cfg *config.Config) []webui.Service {
	var out []webui.Service
	for _, x := range []struct {
		addrs []string
		webui.Service
	}{
		{cfg.Listen.IMAPS, webui.Service{Protocol: "imap", Port: 993, Implicit: true}},
		{cfg.Listen.IMAP, webui.Service{Protocol: "imap", Port: 143}},
		{cfg.Listen.Submissions, webui.Service{Protocol: "smtp", Port: 465, Implicit: true}},
		{cfg.Listen.Submission, webui.Service{Protocol: "smtp", Port: 587}},
	} {
		if len(x.addrs) > 0 {
			out = append(out, x.Service)
		}
	}
	return out
}

// shutdownHTTP ends HTTP last, so that /readyz tells of the stop while it goes
// on.
func (s *Server) shutdownHTTP(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, httpStop)
	defer cancel()
	if s.web != nil {
		s.cut("http", s.web.Shutdown(ctx))
	}
	if s.metricsHTTP != nil {
		s.cut("metrics", s.metricsHTTP.Shutdown(ctx))
		s.metricsHTTP.Close()
	}
}

// httpStop is how long requests may still run then.
const httpStop = 2 * time.Second
