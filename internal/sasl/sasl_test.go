package sasl_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"

	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/sasl"
	"postroom/internal/sasl/sasltest"
)

func TestOffered(t *testing.T) {
	room := sasltest.NewRoom(t)
	without := sasltest.NewRoom(t, func(c *auth.Config) { c.Tokens = nil })
	exports := tlsPair(t, 0)
	exports.VerifiedChains = nil
	certified := exports
	certified.VerifiedChains = [][]*x509.Certificate{{{}}}
	unverified := exports
	unverified.PeerCertificates = []*x509.Certificate{{}}
	for _, tc := range []struct {
		conn sasl.Conn
		auth sasl.Authenticator
		want string
	}{
		{sasl.Conn{}, room, "SCRAM-SHA-256 PLAIN LOGIN"},
		{sasl.Conn{TLS: &exports}, room, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2"},
		{sasl.Conn{TLS: &exports}, without, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"},
		{sasl.Conn{TLS: &certified}, without, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN EXTERNAL"},
		{sasl.Conn{TLS: &unverified}, without, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"},
	} {
		got := strings.Join(sasl.Offered(tc.conn, tc.auth), " ")
		if got != tc.want {
			t.Errorf("offered: %s; want %s", got, tc.want)
		}
		for _, m := range sasl.Mechanisms() {
			if begun := sasl.Begin(m.Name, tc.conn, tc.auth, nil) != nil; begun != strings.Contains(" "+tc.want+" ", " "+m.Name+" ") {
				t.Errorf("%s begins: %v, where %s is offered", m.Name, begun, tc.want)
			}
		}
	}
}

// tlsPair gives the server's side of a connection in memory.
func tlsPair(t *testing.T, max uint16) tls.ConnectionState {
	t.Helper()
	cert := sasltest.NewAuthority(t).Client(t, "server")
	a, b := pipe(t)
	server := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{*cert}})
	client := tls.Client(b, &tls.Config{InsecureSkipVerify: true, MaxVersion: max})
	done := make(chan error, 1)
	go func() { done <- client.Handshake() }()
	if err := errors.Join(server.Handshake(), <-done); err != nil {
		t.Fatal(err)
	}
	return server.ConnectionState()
}

func TestPlainAndLogin(t *testing.T) {
	for _, tc := range []struct {
		mechanism string
		responses []string // "-" is none
		code      mail.Code
	}{
		{"PLAIN", []string{"\x00alice@example.test\x00" + sasltest.Password}, -1},
		{"PLAIN", []string{"-", "Alice@Example.test\x00alice@example.test\x00" + sasltest.Password}, -1},
		{"PLAIN", []string{"bob@example.test\x00alice@example.test\x00" + sasltest.Password}, mail.CodeBadCredentials},
		{"PLAIN", []string{"\x00alice@example.test\x00no"}, mail.CodeBadCredentials},
		{"PLAIN", []string{"alice@example.test\x00" + sasltest.Password}, mail.CodeInvalid},
		{"PLAIN", []string{"\x00a\x00b\x00c"}, mail.CodeInvalid},
		{"PLAIN", []string{""}, mail.CodeInvalid},
		{"LOGIN", []string{"-", "alice@example.test", sasltest.Password}, -1},
		{"LOGIN", []string{"alice@example.test", sasltest.Password}, -1},
		{"LOGIN", []string{"-", "alice@example.test", ""}, mail.CodeBadCredentials},
		{"LOGIN", []string{"-", ""}, mail.CodeInvalid},
	} {
		var refused int
		x := sasl.Begin(tc.mechanism, sasl.Conn{}, sasltest.NewRoom(t), func(string, error) { refused++ })
		var done bool
		var err error
		for _, r := range tc.responses {
			in := []byte(r)
			if r == "-" {
				in = nil
			}
			if _, done, err = x.Next(t.Context(), in); err != nil {
				break
			}
		}
		if tc.code == -1 && (err != nil || !done || x.Identity().Account != sasltest.Alice || refused != 0) ||
			tc.code != -1 && (mail.CodeOf(err) != tc.code || done || x.Identity().Account != 0 || refused != 1) {
			t.Errorf("%s %q: done %v, %v, refused %d; want %d", tc.mechanism, tc.responses, done, err, refused, tc.code)
		}
		if _, _, err := x.Next(t.Context(), []byte("more")); err == nil {
			t.Errorf("%s answers after its end", tc.mechanism)
		}
	}
}

func TestChosenPasswordsBySCRAM(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		room := sasltest.NewRoom(t, func(c *auth.Config) { c.ScramForPasswords = allowed })
		x := sasl.Begin("SCRAM-SHA-256", sasl.Conn{}, room, nil)
		say := sasltest.Scram("alice@example.test", sasltest.Password, "", sasltest.BindNot, nil)
		var challenge []byte
		var done bool
		var err error
		for err == nil && !done {
			response, sayErr := say(challenge)
			if sayErr != nil {
				t.Fatal(sayErr)
			}
			challenge, done, err = x.Next(t.Context(), response)
		}
		if done != allowed || allowed && x.Identity().Credential != 1 {
			t.Errorf("allowed %v: %v, %v", allowed, done, err)
		}
	}
}

// pipe is a connection in memory.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	a, b = net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
