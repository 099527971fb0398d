package imapd_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"log/slog"
	"net"
	"strings"
	"testing"

	"postroom/internal/mail"
	"postroom/internal/sasl/sasltest"
)

// saslReplies are the tagged replies to how an exchange ends.
var saslReplies = map[sasltest.Want]string{sasltest.Accepted: "OK [CAPABILITY ", sasltest.Refused: "NO [AUTH", sasltest.NotYours: "NO [AUTHORIZATIONFAILED] ",
	sasltest.Malformed: "BAD ", sasltest.Later: "NO [UNAVAILABLE] ", sasltest.Unknown: "NO [CANNOT] "}

// saslServer is a server with TLS whose log-ins are those of a room.
type saslServer struct {
	room *sasltest.Room
	log  *lockedBuffer
	addr string
}

func newSASLServer(t testing.TB, b *backend) *saslServer {
	t.Helper()
	s := &saslServer{room: sasltest.NewRoom(t), log: &lockedBuffer{}}
	c := b.config()
	c.Auth, c.AuthWithoutTLS = s.room, false
	c.TLS = serverTLS(t)
	c.TLS.ClientAuth, c.TLS.ClientCAs = tls.VerifyClientCertIfGiven, s.room.Authority.Pool
	c.Log = slog.New(slog.NewTextHandler(s.log, nil))
	_, s.addr = serve(t, c, true)
	return s
}

func (s *saslServer) dial(t testing.TB, c sasltest.Case) *client {
	t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true, ServerName: "mx.example.test"}
	if c.OldTLS {
		cfg.MaxVersion = tls.VersionTLS12
	}
	if c.Certificate != nil {
		cfg.Certificates = []tls.Certificate{*c.Certificate(t, s.room)}
	}
	raw, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	secure := tls.Client(raw, cfg)
	if err := secure.Handshake(); err != nil {
		t.Fatal(err)
	}
	return &client{Conn: secure, r: bufio.NewReader(secure)}
}

func TestMechanisms(t *testing.T) {
	b := newBackend(t)
	for _, c := range sasltest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			for _, initial := range []bool{true, false} {
				s := newSASLServer(t, b)
				if c.Before != nil {
					c.Before(s.room)
				}
				s.run(t, c, initial)
			}
		})
	}
}

func (s *saslServer) run(t *testing.T, c sasltest.Case, initial bool) {
	t.Helper()
	cl := s.dial(t, c)
	offer := cl.line(t)
	if got := strings.Contains(offer, " AUTH="+c.Mechanism+" ") || strings.Contains(offer, " AUTH="+c.Mechanism+"]"); got != (c.Want != sasltest.Unknown) {
		t.Errorf("%s: offered %v: %s", c.Mechanism, got, offer)
	}
	state := cl.Conn.(*tls.Conn).ConnectionState()
	say := c.Client(s.room, &state)
	command := "a AUTHENTICATE " + c.Mechanism
	if initial {
		command += " " + encode(t, say, nil, "=")
	}
	cl.write(t, command+"\r\n")
	l := cl.line(t)
	for strings.HasPrefix(l, "+ ") {
		challenge, err := base64.StdEncoding.DecodeString(l[2:])
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		cl.write(t, encode(t, say, challenge, "")+"\r\n")
		l = cl.line(t)
	}
	if !strings.HasPrefix(l, "a "+saslReplies[c.Want]) {
		t.Errorf("got %s, want %s", l, saslReplies[c.Want])
	}
	if c.Want != sasltest.Accepted {
		cl.write(t, "b SELECT INBOX\r\n")
		cl.until(t, "b BAD")
		if (c.Want != sasltest.Unknown) != strings.Contains(s.log.String(), `msg="login failed" proto=imap peer=127.0.0.1`) {
			t.Errorf("the log of a failure: %s", s.log.String())
		}
		return
	}
	if !strings.Contains(s.log.String(), "msg=login proto=imap") || !strings.Contains(s.log.String(), "account=7") ||
		!strings.Contains(s.log.String(), "mech="+c.Mechanism) {
		t.Errorf("the log-in is not in the log: %s", s.log.String())
	}
}

// encode gives the client's response in Base64; empty stands for none.
func encode(t testing.TB, say sasltest.Client, challenge []byte, empty string) string {
	t.Helper()
	response, err := say(challenge)
	if err != nil {
		t.Fatalf("the client gives up: %v", err)
	}
	if len(response) == 0 {
		return empty
	}
	return base64.StdEncoding.EncodeToString(response)
}

// A client that breaks each refusal off has guessed no less.
func TestBrokenOffExchangesCount(t *testing.T) {
	s := newSASLServer(t, newBackend(t))
	cl := s.dial(t, sasltest.Case{})
	cl.until(t, "* OK")
	for range 5 {
		cl.write(t, "a AUTHENTICATE XOAUTH2 "+base64.StdEncoding.EncodeToString([]byte(sasltest.XOAuth2("alice@example.test", "forged")))+"\r\n")
		cl.until(t, "+ ")
		cl.write(t, "*\r\n")
	}
	cl.until(t, "* BYE")
}

// What is revoked between the first message and the proof does not log in.
func TestRevokedInMidExchange(t *testing.T) {
	b := newBackend(t)
	for name, change := range map[string]func(*sasltest.Directory){
		"credential": func(d *sasltest.Directory) { d.Revoke(sasltest.Alice, 2) },
		"account": func(d *sasltest.Directory) {
			d.Change(sasltest.Alice, func(a *mail.AccountRecord, _ *[]mail.CredentialRecord) { a.Disabled = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			newSASLServer(t, b).run(t, sasltest.Case{Mechanism: "SCRAM-SHA-256-PLUS", Want: sasltest.Refused,
				Client: func(room *sasltest.Room, s *tls.ConnectionState) sasltest.Client {
					say := sasltest.Scram("alice@example.test", room.Apps[0], "", sasltest.BindExporter, s)
					return func(challenge []byte) ([]byte, error) {
						if challenge != nil {
							change(room.Directory)
						}
						return say(challenge)
					}
				}}, true)
		})
	}
}
