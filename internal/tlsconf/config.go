package tlsconf

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
)

// strictSuites are those of TLS 1.2 with forward secrecy and AEAD; TLS 1.3 has
// no others.
var strictSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// looseSuites are for servers that would send in the clear otherwise: CBC too,
// still with forward secrecy.
var looseSuites = append([]uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
}, strictSuites...)

// TLS is for port 25, where the alternative to a handshake is mail in the
// clear: TLS 1.2 and later (RFC 8996), always with the newest certificate,
// whatever name the client asks for. Connections that stand keep theirs.
func (s *Source) TLS() *tls.Config { return s.config(looseSuites, "servers") }

// Strict is for HTTPS, and the ground of ForClients: suites with forward
// secrecy and AEAD only.
func (s *Source) Strict() *tls.Config { return s.config(strictSuites, "clients") }

// ForClients is Strict for the ports where people log in: clients are asked for
// a certificate of ClientCAFile. One without goes on; one of another authority,
// or out of its time, fails the handshake.
func (s *Source) ForClients() *tls.Config {
	if s.client == nil {
		return s.Strict()
	}
	sum := sha256.Sum256(s.clientPEM)
	c := s.config(strictSuites, "clients of "+hex.EncodeToString(sum[:]))
	c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, s.client
	return c
}

func (s *Source) config(suites []uint16, purpose string) *tls.Config {
	c := &tls.Config{
		MinVersion:    tls.VersionTLS12,
		CipherSuites:  suites,
		Renegotiation: tls.RenegotiateNever, // servers of crypto/tls never do; said where one looks for it
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.choose(hello.ServerName), nil
		},
	}
	if s.cfg.Tickets != nil {
		s.cfg.Tickets.share(c, purpose)
	}
	return c
}

// choose gives the certificate for the name that a client asks for; "" when it
// names none. Files go before ACME for the names that they are good for, and
// for clients that name nothing known; ACME goes before the self-signed one.
func (s *Source) choose(name string) *tls.Certificate {
	own := s.Certificate()
	if s.cfg.Issued == nil || !s.signed && s.Covers(name) {
		return own
	}
	if c := s.cfg.Issued(name); c != nil {
		return c
	}
	if s.signed {
		if c := s.cfg.Issued(s.cfg.Hostname); c != nil {
			return c
		}
	}
	return own
}

// Covers tells whether certificate files are set and good for a name.
func (s *Source) Covers(name string) bool {
	return !s.signed && (name == "" || s.Certificate().Leaf.VerifyHostname(name) == nil)
}
