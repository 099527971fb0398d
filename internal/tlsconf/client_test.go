package tlsconf

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/sasl/sasltest"
)

func TestClientCertificates(t *testing.T) {
	ours, other := sasltest.NewAuthority(t), sasltest.NewAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.DER()}), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, Config{Dir: t.TempDir(), Hostname: "one.test", ClientCAFile: file})
	for name, tc := range map[string]struct {
		cfg    *tls.Config
		cert   *tls.Certificate
		passes bool
	}{
		"none":                {f.ForClients(), nil, true},
		"ours":                {f.ForClients(), ours.Client(t, "a@example.test"), true},
		"of another":          {f.ForClients(), other.Client(t, "a@example.test"), false},
		"of another, port 25": {f.TLS(), other.Client(t, "a@example.test"), true}, // never asked for
	} {
		cfg := &tls.Config{InsecureSkipVerify: true}
		if tc.cert != nil {
			// Whatever authorities the server names.
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return tc.cert, nil }
		}
		c, err := tls.Dial("tcp", serve(t, tc.cfg), cfg)
		if err == nil {
			_, _ = io.WriteString(c, "ping")
			_, err = io.ReadFull(c, make([]byte, 4)) // TLS 1.3 tells a refusal after the handshake
			c.Close()
		}
		if (err == nil) != tc.passes {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(file, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: t.TempDir(), Hostname: "one.test", ClientCAFile: file}); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a file without certificates was taken: %v", err)
	}
}
