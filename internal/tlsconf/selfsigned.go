package tlsconf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The files in Config.Dir. ca.pem is for clients, the others for us alone.
const (
	caCert   = "ca.pem"
	caKey    = "ca.key"
	leafCert = "cert.pem"
	leafKey  = "cert.key"
)

const (
	caLife     = 10 * 365 * 24 * time.Hour
	leafLife   = 397 * 24 * time.Hour // what Apple's clients accept
	leafRenew  = 30 * 24 * time.Hour  // before its end
	clockDrift = time.Hour            // certificates begin this much earlier
)

func (s *Source) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

// selfSign makes what is missing: the CA once, the leaf when there is none,
// when it nears its end, or when the hostname changed.
func (s *Source) selfSign() error {
	if s.leafIsGood() {
		return nil
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o700); err != nil {
		return err
	}
	ca, err := s.authority()
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := s.cfg.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: s.cfg.Hostname},
		DNSNames:     s.names(),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-clockDrift),
		NotAfter:     now.Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca.Leaf, key.Public(), ca.PrivateKey)
	if err != nil {
		return err
	}
	if err := writeKey(s.path(leafKey), key); err != nil {
		return err
	}
	return writePEM(s.path(leafCert), "CERTIFICATE", 0o644, der, ca.Certificate[0])
}

func (s *Source) names() []string {
	if s.cfg.Hostname == "" || s.cfg.Hostname == "localhost" {
		return []string{"localhost"}
	}
	return []string{s.cfg.Hostname, "localhost"}
}

func (s *Source) leafIsGood() bool {
	pair, err := tls.LoadX509KeyPair(s.path(leafCert), s.path(leafKey))
	return err == nil && pair.Leaf.NotAfter.After(s.cfg.Now().Add(leafRenew)) &&
		slices.Equal(pair.Leaf.DNSNames, s.names())
}

// authority loads or makes the CA. One whose end is near is replaced, since a
// leaf cannot outlive it.
func (s *Source) authority() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(s.path(caCert), s.path(caKey))
	if err == nil && pair.Leaf.NotAfter.After(s.cfg.Now().Add(leafLife)) {
		return &pair, nil
	}
	if err != nil && !os.IsNotExist(err) {
		return nil, err // clients trust it: never replaced because it was unreadable once
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "postroom CA of " + s.cfg.Hostname},
		NotBefore:             now.Add(-clockDrift),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err := writeKey(s.path(caKey), key); err != nil {
		return nil, err
	}
	if err := writePEM(s.path(caCert), "CERTIFICATE", 0o644, der); err != nil {
		return nil, err
	}
	pair, err = tls.LoadX509KeyPair(s.path(caCert), s.path(caKey))
	return &pair, err
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return n
}

func writeKey(path string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "PRIVATE KEY", 0o600, der)
}

// writePEM writes a file whole or not at all.
func writePEM(path, kind string, mode os.FileMode, blocks ...[]byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	for _, der := range blocks {
		if err == nil {
			err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
		}
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
