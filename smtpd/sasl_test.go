package smtpd

import (
	"crypto/tls"
	"encoding/base64"
	"strings"
	"testing"

	"postroom/internal/mail"
	"postroom/internal/sasl/sasltest"
)

// saslReplies are the replies to how an exchange ends (RFC 4954 §4, §6).
var saslReplies = map[sasltest.Want]string{sasltest.Accepted: "235 2.7.0 ", sasltest.Refused: "535 5.7.", sasltest.NotYours: "535 5.7.8 ",
	sasltest.Malformed: "501 5.5.2 ", sasltest.Later: "454 4.7.0 ", sasltest.Unknown: "504 5.5.4 "}

func TestMechanisms(t *testing.T) {
	for _, c := range sasltest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			for _, initial := range []bool{true, false} {
				r := newRoomServer(t)
				if c.Before != nil {
					c.Before(r.room)
				}
				r.run(t, c, initial)
			}
		})
	}
}

// roomServer is a submission server whose log-ins are those of a room.
type roomServer struct {
	*running
	room  *sasltest.Room
	notes chan mail.Login
}

func newRoomServer(t testing.TB) *roomServer {
	t.Helper()
	room := sasltest.NewRoom(t)
	base, _ := certificate()
	cfg := submission
	cfg.TLS = base.Clone()
	cfg.TLS.ClientAuth, cfg.TLS.ClientCAs = tls.VerifyClientCertIfGiven, room.Authority.Pool
	notes := make(chan mail.Login, 10)
	cfg.NoteLogin = func(l mail.Login) { notes <- l }
	return &roomServer{startWith(t, cfg, true, room), room, notes}
}

// dial connects as the case wants it.
func (r *roomServer) dial(t testing.TB, c sasltest.Case) *client {
	t.Helper()
	cl := r.running.dial()
	cfg := &tls.Config{}
	if c.OldTLS {
		cfg.MaxVersion = tls.VersionTLS12
	}
	if c.Certificate != nil {
		cfg.Certificates = []tls.Certificate{*c.Certificate(t, r.room)}
	}
	cl.startTLSWith(cfg)
	return cl
}

func (r *roomServer) run(t *testing.T, c sasltest.Case, initial bool) {
	t.Helper()
	cl := r.dial(t, c)
	cl.want("220 ")
	offer := cl.do("EHLO phone", "250-")
	if got := strings.Contains(offer+" ", " "+c.Mechanism+"\n") || strings.Contains(offer, " "+c.Mechanism+" "); got != (c.Want != sasltest.Unknown) {
		t.Errorf("%s: offered %v: %s", c.Mechanism, got, offer)
	}
	state := cl.conn.(*tls.Conn).ConnectionState()
	say := c.Client(r.room, &state)
	command := "AUTH " + c.Mechanism
	if initial {
		command += " " + encode(t, say, nil, "=")
	}
	cl.send(command + "\r\n")
	reply := cl.reply()
	for strings.HasPrefix(reply, "334 ") {
		challenge, err := base64.StdEncoding.DecodeString(reply[4:])
		if err != nil {
			t.Fatalf("%s: %v", reply, err)
		}
		cl.send(encode(t, say, challenge, "") + "\r\n")
		reply = cl.reply()
	}
	if !strings.HasPrefix(reply, saslReplies[c.Want]) {
		t.Errorf("got %s, want %s", reply, saslReplies[c.Want])
	}
	if c.Want != sasltest.Accepted {
		cl.do("MAIL FROM:<alice@example.test>", "530 5.7.0")
		if c.Want != sasltest.Unknown && !strings.Contains(r.logs.String(), `msg="login failed" proto=smtp role=submission peer=127.0.0.1`) {
			t.Errorf("the failure is not in the log: %s", r.logs.String())
		}
		if c.Want == sasltest.Later && len(r.notes) > 0 {
			t.Errorf("what failed for our reasons is in the history: %+v", <-r.notes)
		}
		return
	}
	cl.do("MAIL FROM:<alice@example.test>", "250 ")
	if n := <-r.notes; n.Account != 7 || n.Mechanism != c.Mechanism || n.Client != "phone" || n.Protocol != "smtp" || !strings.HasPrefix(n.TLS, "TLS 1.") || n.Reason != "" {
		t.Errorf("the history: %+v", n)
	}
	if !strings.Contains(r.logs.String(), "msg=login proto=smtp") || !strings.Contains(r.logs.String(), "account=7") ||
		!strings.Contains(r.logs.String(), "mech="+c.Mechanism) {
		t.Errorf("the log-in is not in the log: %s", r.logs.String())
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
	r := newRoomServer(t)
	cl := r.dial(t, sasltest.Case{})
	cl.want("220 ")
	cl.do("EHLO phone", "250-")
	for range 3 {
		cl.do("AUTH XOAUTH2 "+base64.StdEncoding.EncodeToString([]byte(sasltest.XOAuth2("alice@example.test", "forged"))), "334 ")
		cl.do("*", "501 ")
	}
	cl.do("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00alice@example.test\x00"+sasltest.Password)), "421 4.7.0 ")
	cl.closed()
}

// What is revoked between the first message and the proof does not log in.
func TestRevokedInMidExchange(t *testing.T) {
	for name, change := range map[string]func(*sasltest.Directory){
		"credential": func(d *sasltest.Directory) { d.Revoke(sasltest.Alice, 2) },
		"account": func(d *sasltest.Directory) {
			d.Change(sasltest.Alice, func(a *mail.AccountRecord, _ *[]mail.CredentialRecord) { a.Disabled = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoomServer(t)
			r.run(t, sasltest.Case{Mechanism: "SCRAM-SHA-256", Want: sasltest.Refused,
				Client: func(room *sasltest.Room, s *tls.ConnectionState) sasltest.Client {
					say := sasltest.Scram("alice@example.test", room.Apps[0], "", sasltest.BindNot, s)
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
