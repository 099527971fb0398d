package sessions

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/tlsconf"
)

// issue writes a new certificate of a CA of its own over cert and key.
func issue(t *testing.T, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	if _, err := tlsconf.New(tlsconf.Config{Dir: dir, Hostname: "mail.test"}); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"cert.pem": cert, "cert.key": key} {
		b, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+".new", b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(to+".new", to); err != nil {
			t.Fatal(err)
		}
	}
}

// shown gives the serial number of the certificate that a client sees.
func shown(t *testing.T, addr string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestCertificateAndLoopback has the settings that TestSessions cannot have.
func TestCertificateAndLoopback(t *testing.T) {
	dir := testbed.Dir(t)
	cert, key := filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem")
	issue(t, cert, key)
	i := testbed.Company(t, testbed.Options{Dir: dir, Settings: fmt.Sprintf(
		"tls_cert = %q\ntls_key = %q\nauth_without_tls = true\nproxy_networks = [%q]", cert, key, proxy)}, "example.test", "alice")
	t.Run("a new certificate, and no connection dropped", func(t *testing.T) { newCertificate(t, i, cert, key) })
	t.Run("log-in without TLS, from loopback only", func(t *testing.T) { loopbackOnly(t, i) })
}

func newCertificate(t *testing.T, i *testbed.Instance, cert, key string) {
	lax := &tls.Config{InsecureSkipVerify: true}
	box, err := client.DialIMAP(i.Ports.IMAPS, lax)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if err := box.Login(alice, testbed.Password); err != nil {
		t.Fatal(err)
	}
	out, _, err := client.DialSMTP(i.Ports.Submissions, lax)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	before := shown(t, i.Ports.IMAPS)
	// Halfway through the administrator's copying the old one stays.
	if err := os.WriteFile(key, []byte("not there yet"), 0o600); err != nil {
		t.Fatal(err)
	}
	if now := shown(t, i.Ports.Submissions); now != before {
		t.Error("another certificate while the files do not fit")
	}
	issue(t, cert, key)
	for _, addr := range []string{i.Ports.IMAPS, i.Ports.Submissions} {
		err := testbed.Until(t.Context(), 20*time.Second, func() error {
			if shown(t, addr) == before {
				return fmt.Errorf("%s shows the old certificate", addr)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if _, _, err := box.Select("INBOX"); err != nil {
		t.Errorf("the IMAP session that stood: %v", err)
	}
	if r, err := out.Cmd("EHLO laptop"); err != nil || r.Code != 250 {
		t.Errorf("the SMTP session that stood: %v %v", r, err)
	}
}

func loopbackOnly(t *testing.T, i *testbed.Instance) {
	box, err := client.DialIMAP(i.Ports.IMAP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if err := box.Login(alice, testbed.Password); err != nil {
		t.Errorf("LOGIN from loopback: %v", err)
	}
	c, _, err := client.DialSMTP(i.Ports.Submission, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO x"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Auth(alice, testbed.Password); err != nil || r.Code != 235 {
		t.Errorf("AUTH from loopback: %v %v", r, err)
	}
	// A client behind the proxy is not on this machine.
	sasl := base64.StdEncoding.EncodeToString([]byte("\x00" + alice + "\x00" + testbed.Password))
	for addr, say := range map[string]string{
		i.Ports.IMAP:       "a AUTHENTICATE PLAIN " + sasl + "\r\n",
		i.Ports.Submission: "AUTH PLAIN " + sasl + "\r\n",
	} {
		conn, r, err := dialFrom(t, proxy, addr, header(1, "198.51.100.7", 4000), nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "EHLO x\r\n"+say)
		var line string
		for err == nil && !strings.HasPrefix(line, "a ") && !strings.HasPrefix(line, "538 ") && !strings.HasPrefix(line, "235 ") {
			line, err = r.ReadString('\n')
		}
		if err != nil || !strings.HasPrefix(line, "a NO [PRIVACYREQUIRED]") && !strings.HasPrefix(line, "538 ") {
			t.Errorf("%s: %q %v", addr, line, err)
		}
	}
}
