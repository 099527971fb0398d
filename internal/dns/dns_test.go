package dns_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func client(t *testing.T, c *clock, servers ...*dnstest.Server) *dns.Client {
	t.Helper()
	cfg := dns.Config{Timeout: 250 * time.Millisecond, Rounds: 1, Now: c.now}
	for _, s := range servers {
		cfg.Servers = append(cfg.Servers, s.Addr())
	}
	r, err := dns.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLookups(t *testing.T) {
	s := dnstest.New(t)
	s.Add("example.test. 60 IN MX 20 MX2.example.test.", "example.test. 60 IN MX 10 mx1.example.test.",
		"mx1.example.test. 60 IN A 192.0.2.1", "mx1.example.test. 60 IN AAAA 2001:db8::1",
		"alias.test. 60 IN CNAME example.test.", "null.test. 60 IN MX 0 .",
		`txt.test. 60 IN TXT "v=spf1 " "-all"`, `octets.test. 60 IN TXT "a \"b\" \\ 1;b\195\188\010" "9"`,
		"1.2.0.192.in-addr.arpa. 60 IN PTR Mx1.example.test.")
	r := client(t, &clock{}, s)
	ctx := t.Context()
	want := []dns.MX{{Host: "mx2.example.test", Preference: 20}, {Host: "mx1.example.test", Preference: 10}}
	for _, name := range []string{"example.test", "EXAMPLE.test", "alias.test"} {
		if mx, err := r.LookupMX(ctx, name); err != nil || !slices.Equal(mx, want) {
			t.Errorf("MX of %s: %v %v", name, mx, err)
		}
	}
	if mx, err := r.LookupMX(ctx, "null.test"); err != nil || len(mx) != 1 || mx[0].Host != "." {
		t.Errorf("null MX: %v %v", mx, err)
	}
	addrs, err := r.LookupAddrs(ctx, "mx1.example.test")
	if err != nil || !slices.Equal(addrs, []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}) {
		t.Errorf("addresses: %v %v", addrs, err)
	}
	if a, err := r.LookupA(ctx, "mx1.example.test"); err != nil || !slices.Equal(a, addrs[1:]) {
		t.Errorf("IPv4 addresses: %v %v", a, err)
	}
	if txt, err := r.LookupTXT(ctx, "txt.test"); err != nil || !slices.Equal(txt, []string{"v=spf1 -all"}) {
		t.Errorf("TXT: %v %v", txt, err)
	}
	if txt, err := r.LookupTXT(ctx, "octets.test"); err != nil || !slices.Equal(txt, []string{`a "b" \ 1;bü` + "\n9"}) {
		t.Errorf("octets of TXT: %q %v", txt, err)
	}
	if ptr, err := r.LookupPTR(ctx, netip.MustParseAddr("192.0.2.1")); err != nil || !slices.Equal(ptr, []string{"mx1.example.test"}) {
		t.Errorf("PTR: %v %v", ptr, err)
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	s := dnstest.New(t)
	s.Add("host.test. 60 IN A 192.0.2.1")
	r := client(t, &clock{}, s)
	ctx := t.Context()
	if _, err := r.LookupMX(ctx, "absent.test"); !dns.IsNotFound(err) {
		t.Errorf("absent name: %v", err)
	}
	if _, err := r.LookupMX(ctx, "host.test"); !dns.IsNoRecords(err) {
		t.Errorf("name without MX: %v", err)
	}
	if _, err := r.LookupMX(ctx, "bad..name"); !dns.IsNotFound(err) {
		t.Errorf("not a name: %v", err)
	}
	for name, f := range map[string]dnstest.Failure{"servfail.test": dnstest.ServFail, "refused.test": dnstest.Refused,
		"silent.test": dnstest.Silent, "wrong.test": dnstest.Wrong} {
		s.Fail(name, f)
		if _, err := r.LookupMX(ctx, name); !dns.IsTemporary(err) {
			t.Errorf("%s: %v is not temporary", name, err)
		}
	}
	if _, err := r.LookupAddrs(ctx, "servfail.test"); !dns.IsTemporary(err) {
		t.Errorf("addresses: %v is not temporary", err)
	}
}

func TestFallsBack(t *testing.T) {
	bad, good := dnstest.New(t), dnstest.New(t)
	good.Add("example.test. 60 IN MX 10 mx.example.test.", "big.test. 60 IN MX 10 mx.big.test.", "old.test. 60 IN MX 10 mx.old.test.")
	good.Fail("big.test", dnstest.Truncate)
	good.Fail("old.test", dnstest.NoEDNS)
	for _, f := range []dnstest.Failure{dnstest.ServFail, dnstest.Silent, dnstest.Refused} {
		bad.Fail(".", f)
		r := client(t, &clock{}, bad, good)
		for _, name := range []string{"example.test", "big.test", "old.test"} {
			if mx, err := r.LookupMX(t.Context(), name); err != nil || len(mx) != 1 {
				t.Errorf("first server with failure %d: MX of %s: %v %v", f, name, mx, err)
			}
		}
	}
}

func TestCacheKeepsForTTL(t *testing.T) {
	s := dnstest.New(t)
	s.Add("example.test. 60 IN MX 10 mx.example.test.")
	c := &clock{t: time.Unix(1e9, 0)}
	r := client(t, c, s)
	ask := func(name string) { _, _ = r.LookupMX(t.Context(), name) }
	ask("example.test")
	ask("example.test")
	if n := s.Asked("example.test"); n != 1 {
		t.Errorf("asked %d times within the TTL", n)
	}
	c.add(61 * time.Second)
	ask("example.test")
	if n := s.Asked("example.test"); n != 2 {
		t.Errorf("asked %d times after the TTL", n)
	}
	ask("absent.test")
	ask("absent.test")
	if n := s.Asked("absent.test"); n != 1 {
		t.Errorf("NXDOMAIN asked %d times", n)
	}
	s.Fail("fail.test", dnstest.ServFail)
	ask("fail.test")
	s.Fail("fail.test", dnstest.None)
	s.Add("fail.test. 60 IN MX 10 mx.fail.test.")
	if _, err := r.LookupMX(t.Context(), "fail.test"); err != nil {
		t.Errorf("a temporary failure was kept: %v", err)
	}
}

func TestEqualQuestionsGoOutOnce(t *testing.T) {
	s := dnstest.New(t)
	s.Add("example.test. 0 IN MX 10 mx.example.test.")
	s.Fail("example.test", dnstest.Silent)
	r := client(t, &clock{}, s)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { _, _ = r.LookupMX(t.Context(), "example.test") })
	}
	wg.Wait()
	if n := s.Asked("example.test"); n > 3 {
		t.Errorf("20 at once asked %d times", n)
	}
}

func TestCancelled(t *testing.T) {
	s := dnstest.New(t)
	s.Fail(".", dnstest.Silent)
	r := client(t, &clock{}, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.LookupMX(ctx, "example.test"); !dns.IsTemporary(err) {
		t.Errorf("%v", err)
	}
}
