package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
)

// magic is certmagic as it is used here: to register, order, prove and fetch.
// When to do so, and what is served, is decided by Manager.
type magic struct {
	storage certmagic.Storage
	cache   *certmagic.Cache
	config  *certmagic.Config
	issuer  *certmagic.ACMEIssuer
}

// accountMadeAnew ends certmagic's error where the authority had forgotten our
// account: it has made another by then, but orders with the old one once more.
const accountMadeAnew = "no certificate chains"

func newMagic(c Config, storage certmagic.Storage) *magic {
	log := zapLogger(c.Log)
	m := &magic{storage: storage}
	// The cache stays empty: what is served comes from the certificates table.
	m.cache = certmagic.NewCache(certmagic.CacheOptions{Logger: log,
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.config, nil }})
	m.config = certmagic.New(m.cache, certmagic.Config{Storage: storage, Logger: log, DisableARI: true,
		DisableStorageCheck: true, OCSP: certmagic.OCSPConfig{DisableStapling: true}})
	template := certmagic.ACMEIssuer{CA: c.Directory, TestCA: c.Directory, Email: c.Email, Agreed: true, TrustedRoots: c.Roots,
		DisableHTTPChallenge: c.HTTPPort == 0, DisableTLSALPNChallenge: c.HTTPSPort == 0,
		// Certmagic listens by itself where nobody does. These are ports where
		// this process listens already, so it never does.
		AltHTTPPort: c.HTTPPort, AltTLSALPNPort: c.HTTPSPort, Logger: log}
	if c.DNS != nil {
		template.DNS01Solver = c.DNS
	}
	m.issuer = certmagic.NewACMEIssuer(m.config, template)
	m.config.Issuers = []certmagic.Issuer{m.issuer}
	return m
}

func (m *magic) close() { m.cache.Stop() }

// Issue implements issuer. It goes on where certmagic has nothing of the name
// yet, too.
func (m *magic) Issue(ctx context.Context, name string) ([]byte, error) {
	err := m.config.RenewCertSync(ctx, name, true)
	if err != nil && strings.HasSuffix(err.Error(), accountMadeAnew) {
		err = m.config.RenewCertSync(ctx, name, true)
	}
	if err != nil {
		return nil, err
	}
	if pem := m.Last(ctx, name); pem != nil {
		return pem, nil
	}
	return nil, errors.New("the certificate was issued and is not in the store")
}

// Last implements issuer. Certmagic writes key and chain one after the other:
// the two may not fit.
func (m *magic) Last(ctx context.Context, name string) []byte {
	chain, err := m.storage.Load(ctx, certmagic.StorageKeys.SiteCert(m.issuer.IssuerKey(), name))
	if err != nil {
		return nil
	}
	key, err := m.storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(m.issuer.IssuerKey(), name))
	if err != nil {
		return nil
	}
	if _, err := tls.X509KeyPair(chain, key); err != nil {
		return nil
	}
	return append(append([]byte(nil), chain...), key...)
}

// ChallengeTLS is base for a port that answers TLS-ALPN-01 challenges of any
// node, too.
func (m *Manager) ChallengeTLS(base *tls.Config) *tls.Config {
	c := base.Clone()
	c.NextProtos = append(c.NextProtos, acmez.ACMETLS1Protocol)
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmez.ACMETLS1Protocol {
			return m.magic.config.GetCertificate(hello)
		}
		return base.GetCertificate(hello)
	}
	return c
}
