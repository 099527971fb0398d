package relay_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postroom/delivery/relay"
	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
)

var quick = relay.Timeouts{Connect: 2 * time.Second, Greeting: 300 * time.Millisecond, Command: 300 * time.Millisecond,
	DataInit: 300 * time.Millisecond, Block: 300 * time.Millisecond, Final: 300 * time.Millisecond}

// world is a client, and a DNS where example.test is on 127.0.0.1.
func world(t *testing.T, port int, change func(*relay.Config)) (*relay.Client, *dnstest.Server) {
	t.Helper()
	s := dnstest.New(t)
	s.Add("example.test. 60 IN MX 10 mx.example.test.", "mx.example.test. 60 IN A 127.0.0.1")
	r, err := dns.New(dns.Config{Servers: []string{s.Addr()}, Timeout: 300 * time.Millisecond, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	cfg := relay.Config{Hostname: "us.test", Resolver: r, Port: port, Timeouts: quick}
	if change != nil {
		change(&cfg)
	}
	return relay.New(cfg), s
}

func open(t *testing.T, c *relay.Client, domain string) (*relay.Session, *relay.Failure) {
	t.Helper()
	plan, err := c.Plan(t.Context(), domain)
	var s *relay.Session
	if err == nil {
		s, err = c.Open(t.Context(), plan)
	}
	if err != nil {
		var f *relay.Failure
		if !errors.As(err, &f) {
			t.Fatalf("%v is no *Failure", err)
		}
		return nil, f
	}
	t.Cleanup(s.Close)
	return s, nil
}

func mustOpen(t *testing.T, c *relay.Client) *relay.Session {
	t.Helper()
	s, f := open(t, c, "example.test")
	if f != nil {
		t.Fatalf("open: %v", f)
	}
	return s
}

func message(body string) *relay.Message {
	return &relay.Message{From: mail.Address{Local: "a", Domain: "us.test"}, Size: int64(len(body)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}
}

func to(locals ...string) []mail.Recipient {
	var out []mail.Recipient
	for _, l := range locals {
		out = append(out, mail.Recipient{Address: mail.Address{Local: l, Domain: "example.test"}})
	}
	return out
}

const hello = "Subject: hi\r\n\r\n.one\r\n..two\r\nthree.\r\n.\r\n"

func TestSendByDataAndChunks(t *testing.T) {
	for _, caps := range [][]string{nil, {"PIPELINING"}, {"CHUNKING"}, {"PIPELINING", "CHUNKING", "SIZE 100000", "8BITMIME"}} {
		t.Run(strings.Join(caps, " "), func(t *testing.T) {
			p := newPeer(t, caps...)
			c, _ := world(t, p.port(), nil)
			s := mustOpen(t, c)
			want := hello
			if !slices.Contains(caps, "CHUNKING") {
				want = "Subject: hi\r\n\r\n..one\r\n...two\r\nthree.\r\n..\r\n"
			}
			for range 3 { // one connection carries many messages
				m := message(hello)
				m.Body8Bit = true
				for _, r := range s.Send(t.Context(), m, to("x", "y")) {
					if r.Outcome != mail.OutcomeDelivered || r.Reply.Code != 250 || !strings.HasPrefix(r.Reply.Remote, "mx.example.test [127.0.0.1]") {
						t.Errorf("%+v", r)
					}
				}
			}
			commands, bodies, conns := p.seen()
			if conns != 1 || len(bodies) != 3 {
				t.Fatalf("%d connections, %d bodies", conns, len(bodies))
			}
			if commands[0] != "EHLO us.test" || slices.Contains(commands, "RSET") {
				t.Errorf("commands %q", commands)
			}
			for _, b := range bodies {
				if b != want {
					t.Errorf("body %q", b)
				}
			}
			mailLine := commands[1]
			if has := strings.Contains(mailLine, "SIZE="+strconv.Itoa(len(hello))+" BODY=8BITMIME"); has != (len(caps) == 4) {
				t.Errorf("MAIL line %q", mailLine)
			}
		})
	}
}

func TestBodyWithoutLastLineEnd(t *testing.T) {
	p := newPeer(t)
	c, _ := world(t, p.port(), nil)
	s := mustOpen(t, c)
	if r := s.Send(t.Context(), message("A: b\r\n\r\nend"), to("x")); r[0].Outcome != mail.OutcomeDelivered {
		t.Fatalf("%+v", r)
	}
	if _, bodies, _ := p.seen(); bodies[0] != "A: b\r\n\r\nend\r\n" {
		t.Errorf("%q", bodies)
	}
}

func TestEachRecipientItsResult(t *testing.T) {
	for _, caps := range [][]string{nil, {"PIPELINING"}, {"PIPELINING", "CHUNKING"}} {
		p := newPeer(t, caps...)
		p.script("RCPT TO:<no@example.test>", "550 5.1.1 no such user\u2028here")
		p.script("RCPT TO:<later@example.test>", "451-4.3.0 not\n451 4.3.0 now")
		c, _ := world(t, p.port(), nil)
		s := mustOpen(t, c)
		r := s.Send(t.Context(), message(hello), to("no", "yes", "later"))
		if r[0].Outcome != mail.OutcomeFailed || r[0].Reply.Status != "5.1.1" || r[0].Reply.Text != "no such user here" {
			t.Errorf("%v no: %+v", caps, r[0])
		}
		if r[1].Outcome != mail.OutcomeDelivered {
			t.Errorf("%v yes: %+v", caps, r[1])
		}
		if r[2].Outcome != mail.OutcomeDeferred || r[2].Reply.Text != "not now" || r[2].Reply.Code != 451 {
			t.Errorf("%v later: %+v", caps, r[2])
		}
		// Nobody accepted: no body goes out, and the session stays good.
		if r := s.Send(t.Context(), message(hello), to("no")); r[0].Outcome != mail.OutcomeFailed {
			t.Errorf("%v nobody: %+v", caps, r[0])
		}
		if r := s.Send(t.Context(), message(hello), to("yes")); r[0].Outcome != mail.OutcomeDelivered {
			t.Errorf("%v after nobody: %+v", caps, r[0])
		}
		if _, bodies, _ := p.seen(); len(full(bodies)) != 2 {
			t.Errorf("%v bodies %q", caps, bodies)
		}
	}
}

func TestTooManyRecipientsGoAgain(t *testing.T) {
	for _, caps := range [][]string{nil, {"PIPELINING"}} {
		p := newPeer(t, caps...)
		for _, x := range []string{"c", "d", "e"} {
			p.script("RCPT TO:<"+x+"@example.test>", "452 4.5.3 too many")
		}
		c, _ := world(t, p.port(), nil)
		r := mustOpen(t, c).Send(t.Context(), message(hello), to("a", "b", "c"))
		// "c" is refused alone too: then it is a deferral, not an endless loop.
		if r[0].Outcome != mail.OutcomeDelivered || r[1].Outcome != mail.OutcomeDelivered || r[2].Outcome != mail.OutcomeDeferred {
			t.Errorf("%v %+v", caps, r)
		}
		many := make([]string, 250)
		for i := range many {
			many[i] = "u" + strconv.Itoa(i)
		}
		for i, x := range mustOpen(t, c).Send(t.Context(), message(hello), to(many...)) {
			if x.Outcome != mail.OutcomeDelivered {
				t.Fatalf("recipient %d: %+v", i, x)
			}
		}
		if _, bodies, _ := p.seen(); len(full(bodies)) != 1+3 {
			t.Errorf("%d transactions", len(bodies))
		}
	}
}

func TestEveryPhaseGoingWrong(t *testing.T) {
	type want struct {
		outcome mail.Outcome
		unclear bool
	}
	deferred, failed := want{outcome: mail.OutcomeDeferred}, want{outcome: mail.OutcomeFailed}
	replies := map[string]want{"CUT": deferred, "HANG": deferred, "421 4.3.2 closing": deferred, "450 later": deferred,
		"554 5.7.1 no": failed, "nonsense": deferred, "250-fine\n251 fine": deferred, "250x": deferred,
		strings.Repeat("250-a\n", 300) + "250 a": deferred, "250 " + strings.Repeat("x", 5000): deferred}
	for _, caps := range [][]string{nil, {"PIPELINING"}, {"CHUNKING"}, {"PIPELINING", "CHUNKING"}} {
		for _, verb := range []string{"MAIL", "RCPT", "DATA", "END"} {
			for reply, w := range replies {
				if verb == "DATA" && slices.Contains(caps, "CHUNKING") {
					continue
				}
				if verb == "END" {
					w.unclear = w.outcome == mail.OutcomeDeferred && !strings.HasPrefix(reply, "4")
				}
				t.Run(verb+" "+reply[:min(8, len(reply))]+" "+strings.Join(caps, " "), func(t *testing.T) {
					p := newPeer(t, caps...)
					p.script(verb, reply)
					c, _ := world(t, p.port(), nil)
					s := mustOpen(t, c)
					for i, r := range s.Send(t.Context(), message(hello), to("x", "y")) {
						if r.Outcome != w.outcome || r.Unclear != w.unclear || r.Reply.Status == "" || r.Reply.Text == "" {
							t.Errorf("recipient %d: %+v", i, r)
						}
					}
				})
			}
		}
	}
}

func TestOpenGoingWrong(t *testing.T) {
	for _, verb := range []string{"GREETING", "EHLO"} {
		for _, reply := range []string{"CUT", "HANG", "421 busy", "450 later", "554 no", "nonsense"} {
			p := newPeer(t)
			p.script(verb, reply)
			if verb == "EHLO" {
				p.script("HELO", reply)
			}
			c, _ := world(t, p.port(), nil)
			s, f := open(t, c, "example.test")
			if s != nil || f.Permanent || !f.Connected || f.ConnectTimeout || f.Reply.Status == "" {
				t.Errorf("%s %s: %+v", verb, reply, f)
			}
		}
	}
	p := newPeer(t)
	p.script("GREETING", "521 no mail here")
	c, _ := world(t, p.port(), nil)
	if _, f := open(t, c, "example.test"); f == nil || !f.Permanent {
		t.Errorf("521: %+v", f)
	}
}

func TestHELO(t *testing.T) {
	p := newPeer(t, "PIPELINING")
	p.noEHLO = true
	c, _ := world(t, p.port(), nil)
	if r := mustOpen(t, c).Send(t.Context(), message(hello), to("x")); r[0].Outcome != mail.OutcomeDelivered {
		t.Errorf("%+v", r)
	}
}

func TestStaleConnection(t *testing.T) {
	p := newPeer(t)
	c, _ := world(t, p.port(), nil)
	s := mustOpen(t, c)
	if r := s.Send(t.Context(), message(hello), to("x")); r[0].Outcome != mail.OutcomeDelivered {
		t.Fatalf("%+v", r)
	}
	p.script("MAIL", "421 4.4.2 idle too long")
	if r := s.Send(t.Context(), message(hello), to("x")); !r[0].Stale || s.Usable() {
		t.Errorf("%+v", r)
	}
	p.script("MAIL", "")
	s = mustOpen(t, c)
	p.script("MAIL", "421 4.4.2 go away")
	if r := s.Send(t.Context(), message(hello), to("x")); r[0].Stale {
		t.Errorf("a fresh connection is not stale: %+v", r)
	}
}

func TestBeforeFinalStopsTheMessage(t *testing.T) {
	for _, caps := range [][]string{nil, {"CHUNKING"}} {
		p := newPeer(t, caps...)
		c, _ := world(t, p.port(), nil)
		s := mustOpen(t, c)
		m := message(hello + strings.Repeat("more\r\n", 20_000))
		m.BeforeFinal = func(context.Context) error { return errors.New("the lease is over") }
		if r := s.Send(t.Context(), m, to("x")); r[0].Outcome != mail.OutcomeDeferred || r[0].Unclear {
			t.Errorf("%+v", r)
		}
		m = message("short\r\n")
		m.Size += 5 // the store gives less than it said
		s = mustOpen(t, c)
		if r := s.Send(t.Context(), m, to("x")); caps != nil && r[0].Outcome != mail.OutcomeDeferred {
			t.Errorf("%+v", r)
		}
		if _, bodies, _ := p.seen(); caps != nil && len(bodies) != 0 {
			t.Errorf("the server took %d octets", len(bodies[0]))
		}
	}
}

func TestCancelEndsTheConnection(t *testing.T) {
	p := newPeer(t)
	p.script("END", "HANG")
	c, _ := world(t, p.port(), func(cfg *relay.Config) { cfg.Timeouts.Final = time.Hour })
	s := mustOpen(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	m := message(hello)
	m.BeforeFinal = func(context.Context) error { cancel(); return nil }
	if r := s.Send(ctx, m, to("x")); r[0].Outcome != mail.OutcomeDeferred || s.Usable() {
		t.Errorf("%+v", r)
	}
}

func TestSizeAndUTF8AreToldHere(t *testing.T) {
	p := newPeer(t, "SIZE 10")
	c, _ := world(t, p.port(), nil)
	if r := mustOpen(t, c).Send(t.Context(), message(hello), to("x")); r[0].Outcome != mail.OutcomeFailed || r[0].Reply.Status != "5.3.4" {
		t.Errorf("%+v", r)
	}
	p = newPeer(t, "PIPELINING")
	c, _ = world(t, p.port(), nil)
	r := mustOpen(t, c).Send(t.Context(), message(hello), to("用户", "x"))
	if r[0].Outcome != mail.OutcomeFailed || r[0].Reply.Status != "5.6.7" || r[1].Outcome != mail.OutcomeDelivered {
		t.Errorf("%+v", r)
	}
	m := message(hello)
	m.UTF8 = true
	if r := mustOpen(t, c).Send(t.Context(), m, to("x")); r[0].Reply.Status != "5.6.7" {
		t.Errorf("%+v", r)
	}
	p = newPeer(t, "SMTPUTF8", "8BITMIME")
	c, _ = world(t, p.port(), nil)
	if r := mustOpen(t, c).Send(t.Context(), message(hello), to("用户")); r[0].Outcome != mail.OutcomeDelivered {
		t.Errorf("%+v", r)
	}
	commands, _, _ := p.seen()
	if commands[1] != "MAIL FROM:<a@us.test> SMTPUTF8" || commands[2] != "RCPT TO:<用户@example.test>" {
		t.Errorf("%q", commands)
	}
}

func TestDSNParameters(t *testing.T) {
	p := newPeer(t, "DSN")
	c, _ := world(t, p.port(), nil)
	m := message(hello)
	m.Ret, m.EnvID = mail.ReturnHeaders, "a b+c"
	rcpts := to("x", "y")
	rcpts[0].Notify, rcpts[0].ORcpt = mail.NotifySuccess|mail.NotifyDelay, "rfc822;x+y@example.test"
	rcpts[1].Notify, rcpts[1].ORcpt = mail.NotifyNever, "utf-8;用@example.test"
	if r := mustOpen(t, c).Send(t.Context(), m, rcpts); !r[0].DSN {
		t.Errorf("%+v", r)
	}
	commands, _, _ := p.seen()
	want := []string{"MAIL FROM:<a@us.test> RET=HDRS ENVID=a+20b+2Bc",
		"RCPT TO:<x@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By@example.test",
		`RCPT TO:<y@example.test> NOTIFY=NEVER ORCPT=utf-8;\x{7528}@example.test`}
	if !slices.Equal(commands[1:4], want) {
		t.Errorf("%q", commands)
	}
}

func TestSmarthost(t *testing.T) {
	p := newPeer(t, "STARTTLS", "AUTH LOGIN PLAIN")
	cfg, pool := certificate(t, "smart.test")
	p.tls = cfg
	sh := &relay.Smarthost{Host: "smart.test", Port: p.port(), Username: "u", Password: "p", Roots: pool}
	dial := func(ctx context.Context, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", to.String())
	}
	c, d := world(t, 1, func(cfg *relay.Config) {
		cfg.Dial = dial
		cfg.Smarthost = func(context.Context, string) (*relay.Smarthost, error) { return sh, nil }
	})
	d.Add("smart.test. 60 IN A 127.0.0.1", "other.test. 60 IN A 127.0.0.1")
	s := mustOpen(t, c)
	if !s.TLS() {
		t.Error("no TLS")
	}
	if r := s.Send(t.Context(), message(hello), to("x")); r[0].Outcome != mail.OutcomeDelivered {
		t.Errorf("%+v", r)
	}
	commands, _, _ := p.seen()
	if !slices.Contains(commands, "AUTH PLAIN AHUAcA==") || !slices.Contains(commands, "MAIL FROM:<a@us.test> AUTH=<>") {
		t.Errorf("%q", commands)
	}
	p.script("AUTH", "535 5.7.8 wrong")
	if _, f := open(t, c, "example.test"); f == nil || f.Permanent || f.Reply.Code != 535 {
		t.Errorf("wrong password: %v", f)
	}
	p.script("AUTH", "")
	sh.Host = "other.test" // not the certificate's name
	if _, f := open(t, c, "example.test"); f == nil || f.Permanent || f.Reply.Status != "4.7.5" {
		t.Errorf("wrong name: %v", f)
	}
	sh.Host = "smart.test"
	p.offer("AUTH PLAIN")
	if _, f := open(t, c, "example.test"); f == nil || f.Reply.Status != "4.7.4" {
		t.Errorf("no STARTTLS: %v", f)
	}
	sh.Security = relay.SecurityNone
	if _, f := open(t, c, "example.test"); f == nil || f.Permanent {
		t.Errorf("AUTH without TLS: %v", f)
	}
	sh.Host = "absent.test"
	if _, f := open(t, c, "example.test"); f == nil || f.Permanent {
		t.Errorf("a smarthost that does not exist must not bounce mail: %v", f)
	}
}

func TestOpportunisticTLS(t *testing.T) {
	p := newPeer(t, "STARTTLS", "PIPELINING")
	p.tls, _ = certificate(t, "whatever.test")
	c, _ := world(t, p.port(), nil)
	s := mustOpen(t, c)
	if r := s.Send(t.Context(), message(hello), to("x")); r[0].Outcome != mail.OutcomeDelivered || !s.TLS() {
		t.Errorf("%+v", r)
	}
	broken := map[string]func(*fakePeer){
		"no handshake": func(p *fakePeer) { p.rawTLS = "garbage garbage garbage\r\n" },
		"454":          func(p *fakePeer) { p.script("STARTTLS", "454 4.7.0 not now") },
		"cut":          func(p *fakePeer) { p.script("STARTTLS", "CUT") },
		"injection":    func(p *fakePeer) { p.script("STARTTLS", "220 go\n250 injected") },
	}
	for name, change := range broken {
		p := newPeer(t, "STARTTLS")
		p.tls, _ = certificate(t, "whatever.test")
		change(p)
		c, _ := world(t, p.port(), nil)
		s := mustOpen(t, c)
		if r := s.Send(t.Context(), message(hello), to("x")); r[0].Outcome != mail.OutcomeDelivered || s.TLS() {
			t.Errorf("%s: %+v TLS %v", name, r, s.TLS())
		}
		must, _ := world(t, p.port(), func(cfg *relay.Config) {
			cfg.TLSPolicy = func(context.Context, string, string) (relay.Policy, error) {
				return relay.Policy{Mode: relay.TLSMust}, nil
			}
		})
		if _, f := open(t, must, "example.test"); f == nil || f.Permanent {
			t.Errorf("%s with TLS required: %v", name, f)
		}
	}
}

// full leaves out the empty messages that end a piped DATA without recipients.
func full(bodies []string) []string {
	return slices.DeleteFunc(bodies, func(b string) bool { return b == "" })
}
