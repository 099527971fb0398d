// Package tlsconf gives the TLS configuration of every port: from certificate
// and key files, which are read again when they change, or from a small CA of
// its own until there are any.
package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Config says where the certificate comes from.
type Config struct {
	// CertFile and KeyFile are PEM files, the chain leaf first; both or
	// neither.
	CertFile, KeyFile string
	// ClientCAFile has the authorities that client certificates must come
	// from, PEM; "": none are asked for. It is read once.
	ClientCAFile string
	// Dir keeps the self-signed CA, its leaf and their keys, when there are no
	// files; it is made with mode 0700.
	Dir string
	// Hostname is the self-signed leaf's name, beside localhost, 127.0.0.1
	// and ::1.
	Hostname string
	// Poll is how often, at most, handshakes look at the files; 0: 5 s.
	Poll time.Duration
	Now  func() time.Time // time.Now when nil
	Log  *slog.Logger
}

// Source holds the certificate in use. It is safe for concurrent use.
type Source struct {
	cfg    Config
	signed bool           // by our own CA
	client *x509.CertPool // of ClientCAFile; nil without

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   stamp // of the files that cert was read from, or that failed last
	checked time.Time
}

// stamp tells whether files changed.
type stamp struct {
	certAt, keyAt     time.Time
	certSize, keySize int64
}

// New loads the certificate, making a self-signed one when no files are set.
func New(c Config) (*Source, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Poll == 0 {
		c.Poll = 5 * time.Second
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return nil, errors.New("a TLS certificate needs both its certificate and its key file")
	}
	s := &Source{cfg: c, signed: c.CertFile == ""}
	if s.signed {
		if err := s.selfSign(); err != nil {
			return nil, fmt.Errorf("self-signed certificate: %w", err)
		}
	}
	if err := s.readClientCA(); err != nil {
		return nil, err
	}
	st, err := s.stat()
	if err != nil {
		return nil, err
	}
	if s.cert, err = s.load(); err != nil {
		return nil, err
	}
	s.stamp, s.checked = st, c.Now()
	return s, nil
}

// TLS gives a server configuration: TLS 1.2 and later, always with the newest
// certificate. Connections that stand keep theirs.
func (s *Source) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.Certificate(), nil
		},
	}
}

// suites are those of TLS 1.2 with forward secrecy and authenticated
// encryption; in TLS 1.3 all are. Between servers, where the choice is that or
// plain text (RFC 7435), TLS leaves crypto/tls's own, all with forward
// secrecy: some old ones have no better than CBC.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// ForClients is TLS for the ports where people log in: only good suites, and
// clients are asked for a certificate of ClientCAFile. One without goes on; one
// of another authority, or out of its time, fails the handshake.
func (s *Source) ForClients() *tls.Config {
	c := s.TLS()
	c.CipherSuites = suites
	if s.client != nil {
		c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, s.client
	}
	return c
}

func (s *Source) readClientCA() error {
	if s.cfg.ClientCAFile == "" {
		return nil
	}
	pem, err := os.ReadFile(s.cfg.ClientCAFile)
	if err != nil {
		return fmt.Errorf("authorities of client certificates: %w", err)
	}
	s.client = x509.NewCertPool()
	if !s.client.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", s.cfg.ClientCAFile)
	}
	return nil
}

// Certificate gives the certificate to use now.
func (s *Source) Certificate() *tls.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.cfg.Now(); now.Sub(s.checked) >= s.cfg.Poll {
		s.checked = now
		s.refresh()
	}
	return s.cert
}

// Reload looks at the files at once, as after SIGHUP.
func (s *Source) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = s.cfg.Now()
	s.refresh()
}

// CAFile is the file that clients must trust; "" when the certificate is not
// our own.
func (s *Source) CAFile() string {
	if !s.signed {
		return ""
	}
	return s.path(caCert)
}

// SelfSigned tells whether the certificate is our own.
func (s *Source) SelfSigned() bool { return s.signed }

// refresh replaces the certificate when its files changed. Files that cannot
// be used are logged once and leave the old certificate in place: an
// administrator may be halfway through copying.
func (s *Source) refresh() {
	if s.signed {
		if err := s.selfSign(); err != nil {
			s.cfg.Log.Error("self-signed certificate not renewed", "error", err)
		}
	}
	st, err := s.stat()
	if err == nil && st == s.stamp {
		return
	}
	var cert *tls.Certificate
	if err == nil {
		cert, err = s.load()
	}
	if err != nil {
		if st != s.stamp {
			s.cfg.Log.Error("new TLS certificate not used, the old one stays", "error", err)
		}
		s.stamp = st
		return
	}
	s.cert, s.stamp = cert, st
	s.cfg.Log.Info("TLS certificate loaded", "subject", cert.Leaf.Subject.String(), "until", cert.Leaf.NotAfter)
}

func (s *Source) files() (cert, key string) {
	if s.signed {
		return s.path(leafCert), s.path(leafKey)
	}
	return s.cfg.CertFile, s.cfg.KeyFile
}

func (s *Source) stat() (st stamp, err error) {
	cert, key := s.files()
	c, err := os.Stat(cert)
	if err != nil {
		return st, err
	}
	k, err := os.Stat(key)
	if err != nil {
		return st, err
	}
	return stamp{c.ModTime(), k.ModTime(), c.Size(), k.Size()}, nil
}

// load reads the pair; expired certificates are served (and `check` tells),
// since no certificate would be worse.
func (s *Source) load() (*tls.Certificate, error) {
	certFile, keyFile := s.files()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", certFile, keyFile, err)
	}
	return &cert, nil
}
