package server

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"postroom/delivery"
	"postroom/internal/address"
	"postroom/internal/auth"
	"postroom/internal/crashpoint"
	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/internal/oidc"
	"postroom/smtpd"
)

// openDelivery makes what decides about mail: for SMTP, for the queue's DSNs
// and for `postroom deliver`.
func (s *Server) openDelivery(context.Context, Options) (err error) {
	s.auth = auth.New(s.authConfig(), s.store, s.log)
	s.work.Go(func() { s.auth.Run(s.ctx) })
	if s.resolver, err = dns.New(dns.Config{Servers: s.cfg.DNSServers}); err != nil {
		return err
	}
	keys := delivery.NewKeyRing(s.store.SigningKeys, s.ring.Open, nil)
	s.delivery = delivery.New(delivery.Config{Hostname: s.cfg.Hostname, MaxSize: s.cfg.MaxMessageSize,
		QueueLifetime: s.cfg.QueueLifetime, QuotaHard: s.cfg.QuotaPolicy == "permanent", Log: s.log,
		Checks: s.checks(), Receiving: s.receiving(),
		ReturnSecrets: delivery.NewReturnRing(s.store, s.ring, nil).Secrets,
		NoLimits:      func(a netip.Addr) bool { return s.cfg.LiftLimits && a.Unmap().IsLoopback() }, Hook: crashpoint.Hook}, s.store, s.spool, keys)
	s.work.Go(func() { s.delivery.Run(s.ctx) })
	return nil
}

// checks says how mail from outside is authenticated; nil: not at all.
func (s *Server) checks() *delivery.Checks {
	if s.cfg.Checks == "off" {
		return nil
	}
	sealers := make([]string, len(s.cfg.TrustedSealers))
	for i, d := range s.cfg.TrustedSealers {
		sealers[i] = strings.ToLower(d)
	}
	return &delivery.Checks{Resolver: s.resolver, TrustedSealers: sealers, OwnClaims: delivery.OwnClaims(s.cfg.OwnDomains),
		Gateway: gatewayPeer(s.gateways)}
}

// authConfig says who is verified how.
func (s *Server) authConfig() auth.Config {
	c := auth.Config{Ledger: s.store, ExemptPeer: exempt(s.cfg, s.gateways), WithoutScram: s.cfg.Scram == "off", ScramForPasswords: s.cfg.Scram == "all"}
	if s.cfg.OIDCIssuer != "" {
		c.Tokens = oidc.New(oidc.Config{Issuer: s.cfg.OIDCIssuer, Audience: s.cfg.OIDCAudience, Claim: s.cfg.OIDCClaim, Log: s.log})
	}
	return c
}

// messageTime bounds one message from DATA to its commit.
const messageTime = time.Hour

// smtpBackend fits delivery to smtpd's interface.
type smtpBackend struct{ *delivery.Delivery }

// Begin opens a message. smtpd bounds each call by a context of its own, while
// delivery looks things up between DATA and Commit: it gets one that lives as
// long as the message.
func (b smtpBackend) Begin(ctx context.Context, s *mail.Session, e *mail.Envelope) (smtpd.Message, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), messageTime)
	m, err := b.Delivery.Begin(ctx, s, e)
	if err != nil {
		cancel()
		return nil, err
	}
	return &smtpMessage{m, cancel}, nil
}

type smtpMessage struct {
	*delivery.Incoming
	cancel context.CancelFunc
}

// Commit makes the message durable.
func (m *smtpMessage) Commit(ctx context.Context) (mail.Delivered, error) {
	defer m.cancel()
	return m.Incoming.Commit(ctx)
}

// Discard drops it.
func (m *smtpMessage) Discard() {
	m.Incoming.Discard()
	m.cancel()
}

// openSMTP opens port 25 as MX, 465 and 587 for submission.
func (s *Server) openSMTP(ctx context.Context, _ Options) error {
	var postmaster mail.Address
	if s.cfg.Postmaster != "" {
		var err error
		if postmaster, err = address.Parse(s.cfg.Postmaster); err != nil {
			return err
		}
	}
	for _, d := range s.doors {
		if d.role != "smtp" {
			continue
		}
		role, secure := mail.RoleSubmission, s.tls.ForClients()
		if d.key == "listen.smtp" {
			role, secure = mail.RoleMX, s.tls.TLS()
		}
		srv := s.smtp[role]
		if srv == nil {
			srv = smtpd.New(smtpd.Config{Role: role, Hostname: s.cfg.Hostname, Postmaster: postmaster, TLS: secure,
				MaxMessageSize: s.cfg.MaxMessageSize, ProxyNetworks: s.cfg.ProxyNetworks, SharedPeers: gatewayPeer(s.gateways),
				StillValid: s.stillValid, NoteLogin: s.auth.Note, AuthWithoutTLS: s.cfg.AuthWithoutTLS, LiftLimits: s.cfg.LiftLimits,
				Limits: smtpd.Limits{Connections: s.cfg.Limits.Connections, ConnectionsPerClient: s.cfg.Limits.ConnectionsPerAddress,
					Recipients: s.cfg.Limits.Recipients},
			}, smtpBackend{s.delivery}, s.auth, s.log)
			s.smtp[role] = srv
		}
		for _, l := range d.sockets {
			go s.serve(d.key, func() error { return srv.Serve(context.Background(), l, d.implicit) })
		}
	}
	return nil
}

// serve runs one listener; one that ends by itself ends the server, so that
// what watches it starts it anew.
func (s *Server) serve(key string, run func() error) {
	err := run()
	select {
	case <-s.draining:
	default:
		s.fail(errors.Join(mail.Errorf(mail.CodeInternal, "the listener of %s ended", key), err))
	}
}
