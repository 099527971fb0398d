package server

import (
	"context"
	"crypto/tls"
	"path/filepath"

	"postroom/internal/admin"
	"postroom/internal/secret"
	"postroom/internal/tlsconf"
)

// openTLS makes what every port shows: certificates, and tickets that all nodes
// take.
func (s *Server) openTLS(ctx context.Context, o Options) error {
	if s.cfg.ACME.On() {
		if err := s.openACME(ctx, o); err != nil {
			return err
		}
	}
	tickets := tlsconf.NewTickets(tlsconf.TicketConfig{Store: s.store, Key: s.currentKey(o), Open: s.ring.Open, Log: s.log})
	if err := tickets.Refresh(ctx); err != nil { // each process then has its own
		s.log.Warn("no TLS ticket keys from the database", "error", err)
	}
	s.work.Go(func() { tickets.Run(s.ctx) })
	var err error
	s.tls, err = tlsconf.New(tlsconf.Config{CertFile: s.cfg.TLSCert, KeyFile: s.cfg.TLSKey, ClientCAFile: s.cfg.ClientCA,
		Dir: filepath.Join(s.cfg.DataDir, "tls"), Hostname: s.cfg.Hostname, Issued: s.issued(), Tickets: tickets, Log: s.log})
	return err
}

// currentKey gives the master key that the database names now: `postroom key
// rotate` may have run beside this process.
func (s *Server) currentKey(o Options) func(context.Context) (*secret.Key, error) {
	return func(ctx context.Context) (*secret.Key, error) {
		key, _, err := admin.UnlockMasterKey(ctx, s.store, s.cfg.MasterKeyFile, o.MasterKeyEnv, false)
		return key, err
	}
}

func (s *Server) issued() func(string) *tls.Certificate {
	if s.acme == nil {
		return nil
	}
	return s.acme.Certificate
}
