package certificates

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

// TestTLSALPN: port 443 alone is open.
func TestTLSALPN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.Add(hostname + ". 60 IN A 127.0.0.1")
	i := w.node(t, testbed.Options{Env: w.port443("127.0.0.1")}, "")
	w.until(t, i.Ports.IMAPS, hostname, "")
	t.Run("suites and versions", func(t *testing.T) { handshakes(t, i) })
}

// handshakes asks as openssl does; the certificate is an ECDSA one.
func handshakes(t *testing.T, i *testbed.Instance) {
	for _, c := range []struct {
		what, input string
		ok          bool
		args        []string
	}{
		{"TLS 1.3", "", true, []string{"-connect", i.Ports.IMAPS, "-tls1_3"}},
		{"TLS 1.2", "", true, []string{"-connect", i.Ports.IMAPS, "-tls1_2"}},
		{"TLS 1.1", "", false, []string{"-connect", i.Ports.IMAPS, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}},
		{"TLS 1.1 on 25", "", false, []string{"-connect", i.Ports.SMTP, "-starttls", "smtp", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}},
		{"CBC for clients", "", false, []string{"-connect", i.Ports.Submissions, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"}},
		{"CBC on 25", "", true, []string{"-connect", i.Ports.SMTP, "-starttls", "smtp", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"}},
		{"no forward secrecy on 25", "", false, []string{"-connect", i.Ports.SMTP, "-starttls", "smtp", "-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256"}},
		{"renegotiation", "R\n", false, []string{"-connect", i.Ports.IMAPS, "-tls1_2"}},
	} {
		cmd := exec.Command("openssl", append([]string{"s_client", "-servername", hostname}, c.args...)...)
		cmd.Stdin = strings.NewReader(c.input)
		out, err := cmd.CombinedOutput()
		if ok := err == nil && !strings.Contains(string(out), "Cipher is (NONE)"); ok != c.ok {
			t.Errorf("%s: %v\n%s", c.what, err, out)
		}
	}
}

// TestDNS: no port is open for the authority; the zone takes signed updates.
func TestDNS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dns.Add(hostname+". 60 IN A 192.0.2.1", "example.test. 60 IN SOA ns.example.test. admin.example.test. 1 60 60 60 30")
	key := filepath.Join(t.TempDir(), "key")
	err := os.WriteFile(key, fmt.Appendf(nil, "key %q {\n\talgorithm hmac-sha256;\n\tsecret %q;\n};\n",
		strings.TrimSuffix(dnstest.UpdateKey, "."), dnstest.UpdateSecret), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	i := w.node(t, testbed.Options{}, fmt.Sprintf("acme_dns_server = %q\nacme_dns_key = %q\n", w.dns.Addr(), key))
	w.until(t, i.Ports.IMAPS, hostname, "")
	if n := w.dns.Removed(); n != 1 {
		t.Errorf("%d challenge records were taken away", n)
	}
}
