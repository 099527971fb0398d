package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/internal/admin"
	"postroom/internal/sasl/sasltest"
)

// Every port for people offers every mechanism that the configuration allows;
// port 25 none, and it asks for no certificate.
func TestMechanismsAreWired(t *testing.T) {
	authority, issuer := sasltest.NewAuthority(t), sasltest.NewIssuer(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.DER()}), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), testConfig(t, map[string]string{"client_ca": file, "oidc_issuer": issuer.URL,
		"oidc_audience": sasltest.Audience, "scram": "all"}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Admin().CreateDomain(t.Context(), "example.test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Admin().CreateAccount(t.Context(), admin.AccountArgs{Address: "alice@example.test", Password: "horse battery"}); err != nil {
		t.Fatal(err)
	}
	cert := authority.Client(t, "alice@example.test")
	for _, tc := range []struct {
		port, before, starttls, ask, want string
		run, ok                           string
	}{
		{"imaps", "* OK", "", "", "AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=EXTERNAL",
			"a AUTHENTICATE EXTERNAL =", "a OK "},
		{"imap", "* OK", "a STARTTLS", "b CAPABILITY", "AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN AUTH=OAUTHBEARER AUTH=XOAUTH2 AUTH=EXTERNAL",
			"c AUTHENTICATE EXTERNAL =", "c OK "},
		{"submissions", "220 ", "", "EHLO x", "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2 EXTERNAL", "AUTH EXTERNAL =", "235 "},
		{"submission", "220 ", "STARTTLS", "EHLO x", "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2 EXTERNAL", "AUTH EXTERNAL =", "235 "},
	} {
		p := dialPort(t, s, tc.port)
		if tc.starttls != "" {
			p.line(tc.before)
			if strings.HasPrefix(tc.starttls, "STARTTLS") {
				p.say("EHLO x")
				p.line("250 ")
			}
			p.say(tc.starttls)
			p.line("")
		}
		p.secure(&tls.Config{Certificates: []tls.Certificate{*cert}, InsecureSkipVerify: true})
		offer := ""
		if tc.starttls == "" {
			offer = p.line(tc.before)
		}
		if tc.ask != "" {
			p.say(tc.ask)
			offer = p.line(map[bool]string{true: "250-AUTH", false: "* CAPABILITY"}[strings.HasPrefix(tc.ask, "EHLO")])
		}
		if !strings.Contains(offer, tc.want) {
			t.Errorf("%s offers %q", tc.port, offer)
		}
		if strings.HasPrefix(tc.ask, "EHLO") {
			p.line("250 ")
		}
		if strings.HasPrefix(tc.ask, "b ") {
			p.line("b OK")
		}
		p.say(tc.run)
		if l := p.line(""); !strings.HasPrefix(l, tc.ok) {
			t.Errorf("%s: %q", tc.port, l)
		}
		// The session lives, though no credential of the account stands behind it.
		if tc.ok == "235 " {
			p.say("MAIL FROM:<alice@example.test>")
			p.line("250 2.1.0")
			continue
		}
		p.say("z SELECT INBOX")
		p.line("z OK")
	}
	mx := dialPort(t, s, "smtp")
	mx.line("220 ")
	mx.say("EHLO x")
	mx.line("250 ")
	mx.say("STARTTLS")
	mx.line("220 ")
	asked := false
	mx.secure(&tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return &tls.Certificate{}, nil
	}})
	mx.say("EHLO x")
	for l := ""; !strings.HasPrefix(l, "250 "); {
		if l = mx.line("250"); strings.Contains(l, "AUTH") || asked {
			t.Errorf("port 25 offers %q, asks for a certificate: %v", l, asked)
		}
	}
}

// port is a client's connection.
type port struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialPort(t *testing.T, s *Server, key string) *port {
	t.Helper()
	c := dialDoor(t, s.Addresses()[key][0])
	return &port{t, c, bufio.NewReader(c)}
}

func (p *port) say(line string) { fmt.Fprintf(p.conn, "%s\r\n", line) }

// line reads up to the line that begins so.
func (p *port) line(prefix string) string {
	p.t.Helper()
	for {
		l, err := p.in.ReadString('\n')
		if err != nil {
			p.t.Fatalf("waiting for %q: %v", prefix, err)
		}
		if strings.HasPrefix(l, prefix) {
			return strings.TrimRight(l, "\r\n")
		}
	}
}

func (p *port) secure(cfg *tls.Config) {
	p.t.Helper()
	c := tls.Client(p.conn, cfg)
	if err := c.Handshake(); err != nil {
		p.t.Fatal(err)
	}
	p.conn, p.in = c, bufio.NewReader(c)
}

func dialDoor(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}
