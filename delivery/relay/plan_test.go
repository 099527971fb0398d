package relay_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"postroom/delivery/relay"
	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
)

func names(p relay.Plan) string {
	var out []string
	for _, h := range p.Hosts {
		out = append(out, h.Name)
	}
	return strings.Join(out, " ")
}

func TestPlan(t *testing.T) {
	c, d := world(t, 2500, func(cfg *relay.Config) { cfg.Shuffle = func(int, func(int, int)) {} })
	d.Add("many.test. 60 IN MX 20 c.test.", "many.test. 60 IN MX 10 b.test.", "many.test. 60 IN MX 10 A.test.",
		"bare.test. 60 IN A 192.0.2.1", "null.test. 60 IN MX 0 .", "alias.test. 60 IN CNAME many.test.",
		"backup.test. 60 IN MX 5 best.test.", "backup.test. 60 IN MX 10 US.test.", "backup.test. 60 IN MX 10 equal.test.", "backup.test. 60 IN MX 20 worse.test.",
		"self.test. 60 IN MX 10 us.test.", "self.test. 60 IN MX 20 other.test.")
	d.Fail("fail.test", dnstest.ServFail)
	for domain, want := range map[string]string{"many.test": "b.test a.test c.test", "bare.test": "bare.test",
		"alias.test": "b.test a.test c.test", "backup.test": "best.test"} {
		if p, err := c.Plan(t.Context(), domain); err != nil || names(p) != want {
			t.Errorf("%s: %q %v", domain, names(p), err)
		}
	}
	for domain, want := range map[string]string{"null.test": "5.1.10", "absent.test": "5.1.2", "self.test": "5.4.6",
		"us.test.": "5.1.2", "fail.test": "4.4.3", "[nonsense]": "5.1.3"} {
		_, err := c.Plan(t.Context(), domain)
		var f *relay.Failure
		if !errors.As(err, &f) || f.Reply.Status != want || f.Permanent != (want[0] == '5') {
			t.Errorf("%s: %v", domain, err)
		}
	}
	for _, literal := range []string{"[127.0.0.1]", "[IPv6:2001:db8::1]"} {
		if p, err := c.Plan(t.Context(), literal); err != nil || len(p.Hosts) != 1 || len(p.Hosts[0].Addr) != 1 {
			t.Errorf("%s: %+v %v", literal, p, err)
		}
	}
}

func TestEqualMXAreShuffled(t *testing.T) {
	c, d := world(t, 2500, nil)
	d.Add("many.test. 60 IN MX 10 a.test.", "many.test. 60 IN MX 10 b.test.", "many.test. 60 IN MX 20 c.test.")
	seen := map[string]bool{}
	for range 200 {
		p, err := c.Plan(t.Context(), "many.test")
		if err != nil {
			t.Fatal(err)
		}
		seen[names(p)] = true
	}
	if len(seen) != 2 || !seen["a.test b.test c.test"] || !seen["b.test a.test c.test"] {
		t.Errorf("orders seen: %v", seen)
	}
}

func TestNextHostWhenTheFirstIsDown(t *testing.T) {
	p := newPeer(t)
	c, d := world(t, p.port(), nil)
	d.Add("two.test. 60 IN MX 10 down.test.", "two.test. 60 IN MX 10 nowhere.test.", "two.test. 60 IN MX 20 mx.example.test.",
		"two.test. 60 IN MX 30 last.test.",
		"down.test. 60 IN A 127.0.0.2", "down.test. 60 IN AAAA ::1", "last.test. 60 IN A 127.0.0.1")
	s, f := open(t, c, "two.test")
	if f != nil {
		t.Fatal(f)
	}
	if !strings.HasPrefix(s.Remote(), "mx.example.test [127.0.0.1]") || !s.HasNext() {
		t.Errorf("at %s", s.Remote())
	}
	n, err := s.Next(t.Context())
	if err != nil || !strings.HasPrefix(n.Remote(), "last.test ") || n.HasNext() {
		t.Fatalf("next: %v", err)
	}
	n.Close()
}

func TestUnreachable(t *testing.T) {
	var err error
	c, d := world(t, 2500, func(cfg *relay.Config) {
		cfg.Dial = func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) { return nil, err }
	})
	err = &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	if _, f := open(t, c, "example.test"); f == nil || f.Permanent || !f.ConnectTimeout || f.Connected || f.Reply.Status != "4.4.1" {
		t.Errorf("time-out: %+v", f)
	}
	err = errors.New("refused")
	if _, f := open(t, c, "example.test"); f == nil || f.Permanent || f.ConnectTimeout {
		t.Errorf("refused: %+v", f)
	}
	d.Add("gone.test. 60 IN MX 10 absent.test.", "slow.test. 60 IN MX 10 fail.test.", "slow.test. 60 IN MX 20 absent.test.")
	d.Fail("fail.test", dnstest.ServFail)
	if _, f := open(t, c, "gone.test"); f == nil || !f.Permanent || f.Reply.Status != "5.4.4" {
		t.Errorf("no such MX: %+v", f)
	}
	if _, f := open(t, c, "slow.test"); f == nil || f.Permanent || f.Result().Outcome != mail.OutcomeDeferred {
		t.Errorf("one MX unknown for now: %+v", f)
	}
}

func TestLoops(t *testing.T) {
	p := newPeer(t)
	p.script("EHLO us.test", "250 US.test hello")
	c, _ := world(t, p.port(), nil)
	if _, f := open(t, c, "example.test"); f == nil || !f.Permanent || f.Reply.Status != "5.4.6" {
		t.Errorf("a server with our name: %+v", f)
	}
	c, _ = world(t, 25, nil)
	if _, f := open(t, c, "example.test"); f == nil || !f.Permanent || f.Reply.Status != "5.4.6" {
		t.Errorf("loopback: %+v", f)
	}
}
