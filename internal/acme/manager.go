// Package acme gets certificates from an authority by ACME and keeps them
// renewed: certmagic speaks the protocol, with its storage and locks in the
// database. What is served stands in one row per name that is replaced whole,
// so that all nodes serve the same, and an old certificate stays until a new
// one is there.
package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"postroom/internal/mail"
	"postroom/internal/secret"
)

// LetsEncrypt is the directory of Let's Encrypt.
const LetsEncrypt = certmagic.LetsEncryptProductionCA

// Store keeps certificates, the ACME client's values and its locks.
type Store interface {
	Certificates(ctx context.Context) ([]mail.Certificate, error)
	SealedCertificates(ctx context.Context, names []string) (map[string][]byte, error)
	WantCertificates(ctx context.Context, names []string, now time.Time) error
	SaveCertificate(ctx context.Context, c mail.Certificate, fingerprint []byte) error
	FailCertificate(ctx context.Context, name, reason string, at, retry time.Time) error
	FileStore
	LockStore
}

// Config says what to get, from whom, and how names are proven. Store, Key,
// Open, Directory, Email, Names and Log are needed. With neither HTTPPort,
// HTTPSPort nor DNS nothing is issued here: other nodes do, and this one serves
// what they got.
type Config struct {
	Store Store
	// Key gives the master key that seals now; Open opens what any of its
	// predecessors sealed (secret.Ring).
	Key  func(ctx context.Context) (*secret.Key, error)
	Open func(table, row string, sealed []byte) ([]byte, error)

	Directory string // URL
	Email     string // contact of the account
	// Roots are trusted for the directory itself; nil: the system's.
	Roots *x509.CertPool
	// Names gives the names that should have a certificate. known are those
	// that the store lists already. On an error the names stay as they are.
	Names func(ctx context.Context, known []string) ([]string, error)

	HTTPPort  int        // where this process answers HTTP-01, as HTTPChallenge
	HTTPSPort int        // where this process answers TLS-ALPN-01, as ChallengeTLS
	DNS       *DNSUpdate // instead of both

	// Poll is how often the store is looked at; 0: 5 s.
	Poll time.Duration
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger

	issuer issuer // nil: certmagic; tests have their own
}

// issuer gets one certificate; it may take minutes.
type issuer interface {
	// Issue gives chain and key in PEM.
	Issue(ctx context.Context, name string) ([]byte, error)
	// Last gives what an Issue got whose result nobody took, nil without.
	Last(ctx context.Context, name string) []byte
}

// Manager holds the certificates in memory and keeps them renewed while Run
// runs. It is safe for concurrent use.
type Manager struct {
	cfg    Config
	files  *files
	magic  *magic
	issuer issuer
	served served

	// Of renewDue alone: what Names gave, and when.
	wanted  map[string]bool
	namesAt time.Time
}

// New makes a Manager; Load fills it.
func New(c Config) *Manager {
	if c.Poll == 0 {
		c.Poll = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	m := &Manager{cfg: c, files: &files{store: c.Store, key: c.Key, open: c.Open}}
	m.magic = newMagic(c, struct {
		*files
		*locks
	}{m.files, newLocks(c.Store, c.Log)})
	if m.issuer = c.issuer; m.issuer == nil {
		m.issuer = m.magic
	}
	return m
}

// Close ends what New began.
func (m *Manager) Close() { m.magic.close() }

// Run follows the store, and issues and renews where this process can prove
// names, until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { m.every(ctx, "certificates not read again", m.Load) })
	if m.cfg.HTTPPort != 0 || m.cfg.HTTPSPort != 0 || m.cfg.DNS != nil {
		wg.Go(func() { m.every(ctx, "certificates not looked after", m.renewDue) })
	}
	wg.Wait()
}

// every calls work again and again. It logs when it begins to fail, not each
// time.
func (m *Manager) every(ctx context.Context, trouble string, work func(context.Context) error) {
	failing := false
	for {
		err := work(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			m.cfg.Log.Warn(trouble, "error", err, "again_in", m.cfg.Poll)
		}
		failing = err != nil
		t := time.NewTimer(m.cfg.Poll)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// HTTPChallenge answers HTTP-01 challenges of any node, and leaves all else to
// next.
func (m *Manager) HTTPChallenge(next http.Handler) http.Handler {
	return m.magic.issuer.HTTPChallengeHandler(next)
}

// errNoPair tells that PEM holds no chain with its key.
var errNoPair = errors.New("no certificate with its private key")
