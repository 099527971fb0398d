package webui

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes one for name, by itself when by is nil.
func issue(t *testing.T, name string, key crypto.Signer, by *issued) *issued {
	t.Helper()
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(time.Hour), IsCA: name != "mail.test", BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	parent := &issued{c, key}
	if by != nil {
		parent = by
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent.cert, key.Public(), parent.key)
	if err == nil {
		c, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &issued{c, key}
}

// A device knows the root alone: the chain between comes with the profile,
// whichever key signs.
func TestSignatureCarriesTheChain(t *testing.T) {
	ec := func() crypto.Signer {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, "root", ec(), nil)
	between := issue(t, "between", ec(), root)
	dir := t.TempDir()
	ca := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, key := range map[string]crypto.Signer{"ecdsa": ec(), "rsa": rsaKey} {
		leaf := issue(t, "mail.test", key, between)
		signed, err := sign([]byte("a profile"), &tls.Certificate{Certificate: [][]byte{leaf.cert.Raw, between.cert.Raw}, PrivateKey: key})
		if err != nil {
			t.Fatal(kind, err)
		}
		file := filepath.Join(dir, kind)
		if err := os.WriteFile(file, signed, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "openssl", "cms", "-verify", "-inform", "DER", "-in", file, "-CAfile", ca, "-purpose", "any").Output()
		if err != nil || string(out) != "a profile" {
			t.Errorf("%s: %v %q", kind, err, out)
		}
	}
}
