package dnsbl_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
	"postroom/internal/dnsbl"
)

func world(t *testing.T) (*dnstest.Server, *dns.Client) {
	t.Helper()
	s := dnstest.New(t)
	c, err := dns.New(dns.Config{Servers: []string{s.Addr()}, Timeout: 300 * time.Millisecond, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// good adds a list with its test point.
func good(s *dnstest.Server, zone string) { s.Add("2.0.0.127." + zone + ". 60 IN A 127.0.0.2") }

func zones(names ...string) (out []dnsbl.Zone) {
	for _, n := range names {
		out = append(out, dnsbl.Zone{Name: n})
	}
	return out
}

func TestListings(t *testing.T) {
	s, c := world(t)
	good(s, "a.test")
	good(s, "b.test")
	s.Add("1.2.0.192.a.test. 60 IN A 127.0.0.4", "1.2.0.192.a.test. 60 IN A 127.0.0.10",
		"1.2.0.192.a.test. 60 IN TXT \"see\\010 https://a.test/\"",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.b.test. 60 IN A 127.0.0.2")
	l := dnsbl.New(c, zones("a.test", "b.test"))
	for addr, want := range map[string]string{"192.0.2.1": "a.test", "::ffff:192.0.2.1": "a.test", "192.0.2.2": "", "2001:db8::1": "b.test"} {
		got, err := l.Check(t.Context(), netip.MustParseAddr(addr))
		names := ""
		for _, g := range got {
			names += g.Zone
		}
		if err != nil || names != want {
			t.Errorf("%s: listed by %q, %v; want %q", addr, names, err, want)
		}
	}
	got, _ := l.Check(t.Context(), netip.MustParseAddr("192.0.2.1"))
	if len(got) != 1 || len(got[0].Answers) != 2 || got[0].Text != "see https://a.test/" {
		t.Errorf("%+v", got)
	}
}

// TestNeverAListing: whatever is wrong with a list, nobody is listed by it, and
// what another list says still counts.
func TestNeverAListing(t *testing.T) {
	const addr = "1.2.0.192."
	for name, c := range map[string]struct {
		set  func(s *dnstest.Server)
		says string
	}{
		"it lists the world": {func(s *dnstest.Server) {
			good(s, "bad.test")
			s.Add("1.0.0.127.bad.test. 60 IN A 127.0.0.2", addr+"bad.test. 60 IN A 127.0.0.2")
		}, "listed everybody"},
		"it has ended":        {func(s *dnstest.Server) { s.Add(addr + "bad.test. 60 IN A 127.0.0.2") }, "does not list the test point"},
		"it refuses":          {func(s *dnstest.Server) { good(s, "bad.test"); s.Add(addr + "bad.test. 60 IN A 127.255.255.254") }, "refuses this resolver"},
		"its test is refused": {func(s *dnstest.Server) { s.Add("2.0.0.127.bad.test. 60 IN A 127.255.255.254") }, "refuses this resolver"},
		"a parked domain":     {func(s *dnstest.Server) { good(s, "bad.test"); s.Add(addr + "bad.test. 60 IN A 192.0.2.80") }, "no answer of a block list"},
		"one of two is parked": {func(s *dnstest.Server) {
			good(s, "bad.test")
			s.Add(addr+"bad.test. 60 IN A 127.0.0.2", addr+"bad.test. 60 IN A 192.0.2.80")
		}, "no answer of a block list"},
		"SERVFAIL":           {func(s *dnstest.Server) { good(s, "bad.test"); s.Fail(addr+"bad.test", dnstest.ServFail) }, "does not answer"},
		"silence":            {func(s *dnstest.Server) { good(s, "bad.test"); s.Fail(addr+"bad.test", dnstest.Silent) }, "does not answer"},
		"the test is silent": {func(s *dnstest.Server) { s.Fail("2.0.0.127.bad.test", dnstest.Silent) }, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := world(t)
			c.set(s)
			good(s, "good.test")
			s.Add(addr + "good.test. 60 IN A 127.0.0.3")
			got, err := dnsbl.New(r, zones("bad.test", "good.test")).Check(t.Context(), netip.MustParseAddr("192.0.2.1"))
			if len(got) != 1 || got[0].Zone != "good.test" {
				t.Errorf("listings: %+v", got)
			}
			if err == nil || !strings.Contains(err.Error(), "bad.test") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, without %q", err, c.says)
			}
		})
	}
}

func TestDeadline(t *testing.T) {
	s, r := world(t)
	s.Fail(".", dnstest.Silent)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	got, err := dnsbl.New(r, zones("a.test", "b.test", "c.test")).Check(ctx, netip.MustParseAddr("192.0.2.1"))
	if len(got) > 0 || err == nil || time.Since(began) > 250*time.Millisecond {
		t.Errorf("after %v: %v %v", time.Since(began), got, err)
	}
}

// TestAskedOnce: through a caching resolver a second check of the same address
// costs no question.
func TestAskedOnce(t *testing.T) {
	s, r := world(t)
	good(s, "a.test")
	s.Add("1.2.0.192.a.test. 60 IN A 127.0.0.2")
	l := dnsbl.New(r, zones("a.test"))
	for range 3 {
		if got, err := l.Check(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
	}
	if n := s.Asked("2.0.0.127.a.test"); n != 1 {
		t.Errorf("the test point was asked for %d times", n)
	}
}
