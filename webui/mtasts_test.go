package webui

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// certificateFor makes one that holds name.
func certificateFor(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A sender that asks for a policy sees the certificate of the policy's host or
// none; everybody else sees what there is (RFC 8461 §7.1).
func TestCertificateOfPolicyHosts(t *testing.T) {
	f := serve(t, nil)
	fallback, policy := certificateFor(t, "mail.example.org"), certificateFor(t, "mta-sts.example.net")
	s := New(f.Config, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName == "mta-sts.example.net" {
			return policy, nil
		}
		return fallback, nil
	}})
	for name, want := range map[string]string{"mta-sts.example.net": "mta-sts.example.net", "mta-sts.example.org": "", "MTA-STS.evil.example": "",
		"autoconfig.example.org": "mail.example.org", "mail.example.org": "mail.example.org", "": "mail.example.org"} {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			_ = tls.Server(server, s.secure.TLSConfig).Handshake() // the client tells how it went
		}()
		c := tls.Client(client, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		got := ""
		if err := c.Handshake(); err == nil {
			got = c.ConnectionState().PeerCertificates[0].DNSNames[0]
		}
		client.Close()
		if got != want {
			t.Errorf("%q: certificate of %q, want %q", name, got, want)
		}
	}
}
