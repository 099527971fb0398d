package sig

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
)

const edKey = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" // RFC 8463 §A.2

// modulus makes a public key of some size; nobody has the private one.
func modulus(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
}

func spki(t testing.TB, key any) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestRecords(t *testing.T) {
	rsaKey := spki(t, modulus(2048))
	bare := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(modulus(1024)))
	for _, c := range []struct{ txt, algorithm, reason string }{
		{"v=DKIM1; p=" + rsaKey, "rsa-sha256", ""},
		{"p=" + rsaKey, "rsa-sha256", ""},
		{"p=" + rsaKey[:40] + " \t" + rsaKey[40:] + "; n=a note; g=*; x=unknown;", "rsa-sha256", ""},
		{"k=rsa; p=" + bare, "rsa-sha256", ""},
		{"v=DKIM1; k=ed25519; p=" + edKey, "ed25519-sha256", ""},
		{"h=sha1 : sha256; s=email; k=ed25519; p=" + edKey, "ed25519-sha256", ""},
		{"s=other:*; k=ed25519; p=" + edKey, "ed25519-sha256", ""},
		{"v=DKIM1; p=", "rsa-sha256", "key revoked"},
		{"v=DKIM1; k=ed25519; p=" + edKey, "rsa-sha256", "key is not for this algorithm"},
		{"v=DKIM1; p=" + rsaKey, "ed25519-sha256", "key is not for this algorithm"},
		{"v=DKIM1; h=sha1; p=" + rsaKey, "rsa-sha256", "key is not for this hash"},
		{"v=DKIM1; h=; p=" + rsaKey, "rsa-sha256", "key is not for this hash"},
		{"v=DKIM1; s=other; p=" + rsaKey, "rsa-sha256", "key is not for mail"},
		{"p=" + rsaKey + "; v=DKIM1", "", "not a DKIM key record"},
		{"v=DKIM1.0; p=" + rsaKey, "", "not a DKIM key record"},
		{"v=dkim1; p=" + rsaKey, "", "not a DKIM key record"},
		{"v=spf1 -all", "", "not a DKIM key record"},
		{"google-site-verification=x", "", "key record syntax"},
		{"v=DKIM1", "", "key record without key"},
		{"v=DKIM1; p=" + rsaKey + "; p=", "", "key record syntax"},
		{"v=DKIM1; p=***", "", "key is not base64"},
		{"v=DKIM1; p=" + edKey, "", "key cannot be read"},
		{"v=DKIM1; k=ed25519; p=AAAA", "", "unknown key type or wrong key size"},
		{"v=DKIM1; k=rsa2; p=" + rsaKey, "", "unknown key type or wrong key size"},
		{"v=DKIM1; p=" + spki(t, ed25519.PublicKey(make([]byte, 32))), "", "key cannot be read"},
		{"v=DKIM1; p=" + spki(t, modulus(1023)), "", "RSA key shorter than 1024 bits"},
		{"v=DKIM1; p=" + spki(t, modulus(8193)), "", "RSA key longer than 8192 bits"},
		{"v=DKIM1; n=" + strings.Repeat("x", maxRecord) + "; p=" + rsaKey, "", "key record too large"},
	} {
		r, bad := ParseRecord(c.txt)
		if bad == nil {
			bad = r.fits(c.algorithm)
		}
		reason := ""
		if bad != nil {
			reason = bad.Reason
			if bad.Status != PermError && bad.Status != Policy {
				t.Errorf("%.60s: %v", c.txt, bad)
			}
		}
		if reason != c.reason {
			t.Errorf("%.60s: %q, want %q", c.txt, reason, c.reason)
		}
	}
}

func TestRecordFlags(t *testing.T) {
	for flags, want := range map[string][2]bool{"": {}, "y": {true, false}, "s": {false, true}, "x : s:y": {true, true}, "Y": {}} {
		r, bad := ParseRecord("t=" + flags + "; k=ed25519; p=" + edKey)
		if bad != nil || r.Testing != want[0] || r.Strict != want[1] {
			t.Errorf("t=%s: %+v, %v", flags, r, bad)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=DKIM1; k=ed25519; t=y:s; h=sha256; s=email; p=" + edKey)
	f.Add("v=DKIM1; p=" + spki(f, modulus(1024)))
	f.Fuzz(func(t *testing.T, txt string) {
		r, bad := ParseRecord(txt)
		if bad != nil {
			return
		}
		if key, ok := r.Key.(*rsa.PublicKey); ok && (key.N.BitLen() < 1024 || key.N.BitLen() > 8192) {
			t.Fatalf("a key of %d bits", key.N.BitLen())
		}
		for _, algorithm := range []string{"rsa-sha256", "ed25519-sha256"} {
			s := &Signature{Algorithm: algorithm, b: make([]byte, 64)}
			if r.check(s, make([]byte, 32)) == nil {
				t.Fatalf("%q verifies an empty signature", txt)
			}
		}
	})
}
