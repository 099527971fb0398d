package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
)

// TLSMode says whether a connection must be encrypted.
type TLSMode int

// The modes.
const (
	TLSMay   TLSMode = iota // when offered; plain text when the handshake fails
	TLSMust                 // or the host is not used
	TLSNever                // plain text
)

// Policy is how the connection to one host is protected.
type Policy struct {
	Mode TLSMode
	// Verify checks the certificate against Roots and ServerName. Without it
	// any certificate will do (RFC 7435: it keeps out who only listens).
	Verify     bool
	ServerName string // SNI and verification; "": the host's name
	Roots      *x509.CertPool
	// VerifyConnection, when set, decides alone (DANE).
	VerifyConnection func(tls.ConnectionState) error
}

// TLSPolicy decides about one MX host of a destination. It is asked before
// each connection; DANE and MTA-STS stand behind it. An error defers.
type TLSPolicy func(ctx context.Context, destination, mx string) (Policy, error)

// OpportunisticTLS encrypts when the peer offers it (RFC 3207, RFC 7435).
func OpportunisticTLS(context.Context, string, string) (Policy, error) {
	return Policy{Mode: TLSMay}, nil
}

func (p Policy) tlsConfig(host string) *tls.Config {
	name := p.ServerName
	if name == "" {
		name = host
	}
	return &tls.Config{
		ServerName:         name,
		MinVersion:         tls.VersionTLS12, // RFC 8996
		InsecureSkipVerify: !p.Verify || p.VerifyConnection != nil,
		RootCAs:            p.Roots,
		VerifyConnection:   p.VerifyConnection,
	}
}
