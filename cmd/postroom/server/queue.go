package server

import (
	"context"
	"net"
	"net/netip"

	"postroom/delivery/queue"
	"postroom/delivery/relay"
	"postroom/internal/crashpoint"
	"postroom/internal/doctext"
	"postroom/internal/indexer"
	"postroom/internal/mail"
)

// openQueue starts what sends mail out, and what keeps the store in shape.
func (s *Server) openQueue(context.Context, Options) error {
	s.work.Go(func() { s.store.RunMaintenance(s.ctx) })
	if err := s.startIndexer(); err != nil {
		return err
	}
	if !s.cfg.HasRole("queue") {
		return nil
	}
	client := relay.New(relay.Config{Hostname: s.cfg.Hostname, Resolver: s.resolver, Port: s.cfg.RelayPort,
		Smarthost: s.smarthost, IsSelf: s.isSelf, Families: families[s.cfg.RelayIP], Sources: s.cfg.RelaySources, Log: s.log})
	w := queue.New(queue.Config{Store: s.store, Relay: client, Reports: s.delivery, OpenBlob: s.store.OpenBlob,
		PerDestination: s.cfg.RelayConns, Rate: s.cfg.RelayRate,
		ReleaseOrphans: s.store.ReleaseOrphans, Hostname: s.cfg.Hostname, Hook: crashpoint.Hook, Log: s.log})
	s.work.Go(func() { w.Run(s.ctx) })
	return nil
}

// startIndexer fills the search index behind delivery.
func (s *Server) startIndexer() error {
	var files indexer.Reader
	if path := s.cfg.SearchTextHelper; path != "" {
		p, err := doctext.New(path)
		if err != nil {
			return err
		}
		files = p
	}
	s.work.Go(func() { indexer.New(s.store, files, s.log).Run(s.ctx) })
	return nil
}

// families are the values of the key relay_ip.
var families = map[string]relay.Families{"both": relay.BothFamilies, "ipv4-first": relay.IPv4First, "ipv4": relay.IPv4Only, "ipv6": relay.IPv6Only}

// smarthost gives the next hop that an administrator set, with its password
// opened.
func (s *Server) smarthost(ctx context.Context, domain string) (*relay.Smarthost, error) {
	h, ok, err := s.store.Smarthost(ctx, domain)
	if err != nil || !ok {
		return nil, err
	}
	out := &relay.Smarthost{Host: h.Host, Port: h.Port, Username: h.Username}
	switch h.TLS {
	case mail.SmarthostImplicitTLS:
		out.Security = relay.SecurityImplicit
	case mail.SmarthostPlain:
		out.Security = relay.SecurityNone
	}
	if len(h.Sealed) > 0 {
		plain, err := s.ring.Open("smarthosts", h.Domain, h.Sealed)
		if err != nil {
			return nil, mail.Wrap(mail.CodeUnavailable, err, "the smarthost's password cannot be opened")
		}
		out.Password = string(plain)
	}
	return out, nil
}

// isSelf tells the addresses that this server's own MX listens on: mail must
// not be sent to itself (RFC 5321 §5.1).
func (s *Server) isSelf(a netip.AddrPort) bool {
	for _, d := range s.doors {
		if d.key != "listen.smtp" {
			continue
		}
		for _, l := range d.sockets {
			at, ok := l.Addr().(*net.TCPAddr)
			if !ok || at.AddrPort().Port() != a.Port() {
				continue
			}
			own := at.AddrPort().Addr().Unmap()
			if own == a.Addr().Unmap() || own.IsUnspecified() && isLocal(a.Addr()) {
				return true
			}
		}
	}
	return false
}

// isLocal tells an address of one of this machine's interfaces.
func isLocal(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, i := range addrs {
		if p, err := netip.ParsePrefix(i.String()); err == nil && p.Addr().Unmap() == a.Unmap() {
			return true
		}
	}
	return false
}
