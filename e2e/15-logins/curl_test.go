package logins

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/sasl/sasltest"
)

// loginDenied is curl's exit status when the server refuses the log-in.
const loginDenied = 67

// curl logs in and says NOOP; it gives the exit status and what was said.
func (h *house) curl(t *testing.T, protocol string, args ...string) (int, string) {
	t.Helper()
	at := map[string]string{"smtps": h.a.Ports.Submissions, "imaps": h.a.Ports.IMAPS, "smtp": h.a.Ports.Submission, "imap": h.a.Ports.IMAP}[protocol]
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args = append([]string{"--silent", "--verbose", "--ssl-reqd", "--cacert", h.a.CAFile(), "--resolve", "mail.test:" + port + ":" + host,
		"--url", protocol + "://mail.test:" + port, "--request", "NOOP"}, args...)
	cmd := exec.CommandContext(ctx, "curl", args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// token is what a person shows, and whether it must be taken.
type token struct {
	name, user, email string
	change            map[string]any
	good              bool
}

func allTokens() []token {
	return []token{
		{"good", alice, alice, nil, true},
		{"expired", alice, alice, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, false},
		{"for another audience", alice, alice, map[string]any{"aud": "the-wiki"}, false},
		{"of another issuer", alice, alice, map[string]any{"iss": "https://evil.example"}, false},
		{"of another person", alice, "bob@example.test", nil, false},
		{"of nobody here", "eve@elsewhere.example", "eve@elsewhere.example", nil, false},
	}
}

// bearer: curl takes OAUTHBEARER whenever it is offered.
func bearer(t *testing.T, h *house) {
	for _, protocol := range []string{"smtps", "imaps", "smtp", "imap"} {
		for _, c := range allTokens() {
			code, out := h.curl(t, protocol, "--user", c.user, "--oauth2-bearer", h.issuer.Token(c.email, c.change))
			if c.good != (code == 0) || !c.good && code != loginDenied || !strings.Contains(out, "AUTH OAUTHBEARER") && !strings.Contains(out, "AUTHENTICATE OAUTHBEARER") {
				t.Errorf("%s, %s: curl ends with %d\n%s", protocol, c.name, code, out)
			}
		}
	}
	forged := sasltest.NewIssuer(t).Token(alice, map[string]any{"iss": h.issuer.URL})
	if code, out := h.curl(t, "imaps", "--user", alice, "--oauth2-bearer", forged); code != loginDenied {
		t.Errorf("a token that somebody else has signed:\n%s", out)
	}
}

func xoauth2(t *testing.T, h *house) {
	for _, c := range allTokens() {
		initial := base64.StdEncoding.EncodeToString([]byte(sasltest.XOAuth2(c.user, h.issuer.Token(c.email, c.change))))
		for name, taken := range map[string]bool{"SMTP": h.smtpXOAuth2(t, initial), "IMAP": h.imapXOAuth2(t, initial)} {
			if taken != c.good {
				t.Errorf("%s, %s: let in %v", name, c.name, taken)
			}
		}
	}
}

// smtpXOAuth2 answers a refusal's challenge with an empty line, as clients do.
func (h *house) smtpXOAuth2(t *testing.T, initial string) bool {
	t.Helper()
	c := h.smtps(t)
	defer c.Close()
	r, err := c.Cmd("AUTH XOAUTH2 %s", initial)
	if err == nil && r.Code == 334 {
		r, err = c.Cmd("")
	}
	if err != nil || r.Code != 235 && r.Code != 535 {
		t.Errorf("%v %v", r, err)
	}
	return r.Code == 235
}

func (h *house) imapXOAuth2(t *testing.T, initial string) bool {
	t.Helper()
	c, err := client.DialIMAP(h.b.Ports.IMAPS, clientTLS(t, h.b))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "x AUTHENTICATE XOAUTH2 %s\r\n", initial)
	l, err := c.ReadLine()
	if err == nil && strings.HasPrefix(l.Text, "+ ") {
		fmt.Fprint(c, "\r\n")
		l, err = c.ReadLine()
	}
	if err != nil || !strings.HasPrefix(l.Text, "x OK") && !strings.HasPrefix(l.Text, "x NO") {
		t.Errorf("%v %v", l, err)
	}
	return strings.HasPrefix(l.Text, "x OK")
}

func (h *house) smtps(t *testing.T) *client.SMTP {
	t.Helper()
	c, _, err := client.DialSMTP(h.a.Ports.Submissions, clientTLS(t, h.a))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cmd("EHLO laptop"); err != nil {
		t.Fatal(err)
	}
	return c
}

func certificates(t *testing.T, h *house) {
	good, other := h.authority.Client(t, alice), h.authority.Client(t, "nobody@example.test")
	foreign := sasltest.NewAuthority(t).Client(t, alice)
	for _, protocol := range []string{"smtps", "imaps", "smtp", "imap"} {
		if code, out := h.withCertificate(t, protocol, good); code != 0 {
			t.Errorf("%s: curl ends with %d\n%s", protocol, code, out)
		}
		for name, cert := range map[string]*tls.Certificate{"of nobody": other, "of another authority": foreign} {
			if code, out := h.withCertificate(t, protocol, cert); code == 0 {
				t.Errorf("%s: a certificate %s is let in\n%s", protocol, name, out)
			}
		}
	}
}

func (h *house) withCertificate(t *testing.T, protocol string, c *tls.Certificate) (int, string) {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	part := &house{dir: dir}
	var chain []byte
	for _, der := range c.Certificate {
		b, err := os.ReadFile(part.write(t, "one.pem", "CERTIFICATE", der))
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, b...)
	}
	pem := filepath.Join(dir, "chain.pem")
	if err := os.WriteFile(pem, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	return h.curl(t, protocol, "--cert", pem, "--key", part.write(t, "key.pem", "PRIVATE KEY", key), "--user", alice+":", "--login-options", "AUTH=EXTERNAL")
}

// scram: no client of SCRAM is among the usual programs; the library's one
// checks the server's signature, too.
func scram(t *testing.T, h *house) {
	smtp := h.smtps(t)
	defer smtp.Close()
	state := smtp.Conn().(*tls.Conn).ConnectionState()
	say := sasltest.Scram(alice, h.app, "", sasltest.BindExporter, &state)
	r, err := smtp.Cmd("AUTH SCRAM-SHA-256-PLUS %s", encoded(t, say, nil))
	for err == nil && r.Code == 334 {
		challenge, bad := base64.StdEncoding.DecodeString(r.Text)
		if bad != nil {
			t.Fatal(bad)
		}
		r, err = smtp.Cmd("%s", encoded(t, say, challenge))
	}
	if err != nil || r.Code != 235 {
		t.Errorf("SMTP: %v %v", r, err)
	}
	imap, err := client.DialIMAP(h.b.Ports.IMAPS, clientTLS(t, h.b))
	if err != nil {
		t.Fatal(err)
	}
	defer imap.Close()
	state = imap.Conn().(*tls.Conn).ConnectionState()
	say = sasltest.Scram(alice, h.app, "", sasltest.BindExporter, &state)
	fmt.Fprintf(imap, "s AUTHENTICATE SCRAM-SHA-256-PLUS %s\r\n", encoded(t, say, nil))
	for {
		l, err := imap.ReadLine()
		if err != nil {
			t.Fatal(err)
		}
		challenge, more := strings.CutPrefix(l.Text, "+ ")
		if !more {
			if !strings.HasPrefix(l.Text, "s OK") {
				t.Errorf("IMAP: %s", l.Text)
			}
			return
		}
		b, err := base64.StdEncoding.DecodeString(challenge)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(imap, "%s\r\n", encoded(t, say, b))
	}
}

func clientTLS(t *testing.T, i *testbed.Instance) *tls.Config {
	t.Helper()
	cfg, err := i.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func encoded(t *testing.T, say sasltest.Client, challenge []byte) string {
	t.Helper()
	b, err := say(challenge)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}
