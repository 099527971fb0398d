package acme

import (
	"context"
	"crypto/tls"
	"strings"
	"sync"
	"time"

	"postroom/internal/mail"
)

// sealedTable names the certificates to internal/secret.
const sealedTable = "certificates"

// served is what handshakes are answered with.
type served struct {
	mu     sync.Mutex
	byName map[string]loaded
}

type loaded struct {
	cert     *tls.Certificate
	issuedAt time.Time
}

// Certificate gives the certificate of a name, nil without. It may have
// expired: none would be worse.
func (m *Manager) Certificate(name string) *tls.Certificate {
	m.served.mu.Lock()
	defer m.served.mu.Unlock()
	return m.served.byName[strings.ToLower(strings.TrimSuffix(name, "."))].cert
}

// Load takes up what the store has and this process has not. One that cannot
// be opened is logged and leaves the old one in place.
func (m *Manager) Load(ctx context.Context) error {
	list, err := m.cfg.Store.Certificates(ctx)
	if err != nil {
		return err
	}
	changed := m.served.changed(list)
	if len(changed) == 0 {
		return nil
	}
	sealed, err := m.cfg.Store.SealedCertificates(ctx, changed)
	if err != nil {
		return err
	}
	for _, c := range list {
		if sealed[c.Name] == nil {
			continue
		}
		cert, err := m.openPair(c.Name, sealed[c.Name])
		if err != nil {
			m.cfg.Log.Error("certificate not loaded", "name", c.Name, "error", err,
				"hint", "postroom certificate renew "+c.Name+" gets another")
		}
		if m.served.set(c.Name, loaded{cert, c.IssuedAt}) {
			m.cfg.Log.Info("certificate loaded", "name", c.Name, "issuer", c.Issuer, "until", c.NotAfter)
		}
	}
	return nil
}

func (m *Manager) openPair(name string, sealed []byte) (*tls.Certificate, error) {
	pem, err := m.cfg.Open(sealedTable, name, sealed)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		return nil, errNoPair
	}
	return &cert, nil
}

// changed gives the names whose certificate is another than the one held, and
// lets go of those that the store has no more.
func (s *served) changed(list []mail.Certificate) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.byName
	s.byName = map[string]loaded{}
	for _, c := range list {
		if c.IssuedAt.IsZero() {
			continue
		}
		s.byName[c.Name] = old[c.Name]
		if !old[c.Name].issuedAt.Equal(c.IssuedAt) {
			names = append(names, c.Name)
		}
	}
	return names
}

// set holds a certificate; without one it keeps the old and notes only that
// this one was seen.
func (s *served) set(name string, l loaded) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := l.cert != nil
	if !fresh {
		l.cert = s.byName[name].cert
	}
	s.byName[name] = l
	return fresh
}
