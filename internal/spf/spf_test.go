package spf_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
	"postroom/internal/spf"
)

const (
	v4 = "192.0.2.1"
	v6 = "2001:db8::1"
)

// domain publishes a record at d.test; more lines stand in zone file form.
func domain(record string, more ...string) []string {
	return append(more, fmt.Sprintf("d.test. 60 IN TXT %q", record))
}

func check(z *dnstest.Zone, peer string) spf.Result {
	c := spf.Checker{Resolver: z, Hostname: "mx.us.test", Now: func() time.Time { return time.Unix(1e9, 0) }}
	return c.Check(context.Background(), netip.MustParseAddr(peer), "helo.test", mail.Address{Local: "strong-bad", Domain: "d.test"})
}

// TestMechanisms goes through RFC 7208 §5 and §6: what matches, what does not,
// for which family.
func TestMechanisms(t *testing.T) {
	host := []string{"h.test. 60 IN A 192.0.2.1", "h.test. 60 IN AAAA 2001:db8::1", "d.test. 60 IN A 192.0.2.1",
		"far.test. 60 IN A 198.51.100.1", "far.test. 60 IN AAAA 2001:db8:f::1", "d.test. 60 IN MX 10 h.test.",
		"m.test. 60 IN MX 10 far.test.", "m.test. 60 IN MX 20 h.test.", "null.test. 60 IN MX 0 .",
		"only6.test. 60 IN AAAA 2001:db8::1", "1.2.0.192.in-addr.arpa. 60 IN PTR h.test.", "c.test. 60 IN CNAME h.test.",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. 60 IN PTR only6.test.",
		`inc-pass.test. 60 IN TXT "v=spf1 +all"`, `inc-fail.test. 60 IN TXT "v=spf1 -all"`,
		`inc-soft.test. 60 IN TXT "v=spf1 ~all"`, `inc-neutral.test. 60 IN TXT "v=spf1"`, `inc-bad.test. 60 IN TXT "v=spf1 moo"`,
		`no-spf.test. 60 IN TXT "hello"`}
	for _, c := range []struct {
		record, peer string
		want         spf.Status
		by           string
	}{
		{"v=spf1", v4, spf.Neutral, ""},
		{"v=spf1 all", v4, spf.Pass, "all"},
		{"v=spf1 +ALL", v4, spf.Pass, "all"},
		{"V=SPF1 -all", v4, spf.Fail, "all"},
		{"v=spf1 ~all", v4, spf.SoftFail, "all"},
		{"v=spf1 ?all", v4, spf.Neutral, "all"},
		{"v=spf1   -all  ", v4, spf.Fail, "all"},
		{"v=spf1 ip4:192.0.2.1 -all", v4, spf.Pass, "ip"},
		{"v=spf1 -ip4:192.0.2.1 +all", v4, spf.Fail, "ip"},
		{"v=spf1 ip4:192.0.2.0/24 -all", v4, spf.Pass, "ip"},
		{"v=spf1 ip4:192.0.2.2/31 -all", v4, spf.Fail, "all"},
		{"v=spf1 ip4:203.0.113.9/0 -all", v4, spf.Pass, "ip"},
		{"v=spf1 ip4:0.0.0.0/0 -all", v6, spf.Fail, "all"},
		{"v=spf1 ip6:2001:db8::1 -all", v6, spf.Pass, "ip"},
		{"v=spf1 ip6:2001:DB8::/32 -all", v6, spf.Pass, "ip"},
		{"v=spf1 ip6:::/0 -all", v4, spf.Fail, "all"},
		{"v=spf1 ip4:192.0.2.1 -all", "::ffff:192.0.2.1", spf.Pass, "ip"},
		{"v=spf1 a -all", v4, spf.Pass, "a"},
		{"v=spf1 a -all", v6, spf.Fail, "all"},
		{"v=spf1 a:h.test -all", v6, spf.Pass, "a"},
		{"v=spf1 A:H.TEST. -all", v4, spf.Pass, "a"},
		{"v=spf1 a:c.test -all", v4, spf.Pass, "a"},
		{"v=spf1 a:far.test/32 -all", v4, spf.Fail, "all"},
		{"v=spf1 a:far.test/0 -all", v4, spf.Pass, "a"},
		{"v=spf1 a:far.test/0 -all", v6, spf.Fail, "all"},
		{"v=spf1 a:far.test//32 -all", v6, spf.Pass, "a"},
		{"v=spf1 a:far.test/8//48 -all", v6, spf.Fail, "all"},
		{"v=spf1 a//0 -all", v4, spf.Pass, "a"},
		{"v=spf1 a:none.test -all", v4, spf.Fail, "all"},
		{"v=spf1 a:only6.test -all", v4, spf.Fail, "all"},
		{"v=spf1 mx -all", v4, spf.Pass, "mx"},
		{"v=spf1 mx:m.test -all", v4, spf.Pass, "mx"},
		{"v=spf1 mx:m.test -all", v6, spf.Pass, "mx"},
		{"v=spf1 mx:null.test -all", v4, spf.Fail, "all"},
		{"v=spf1 mx:h.test -all", v4, spf.Fail, "all"},
		{"v=spf1 MX/24 -all", "192.0.2.77", spf.Pass, "mx"},
		{"v=spf1 ptr:h.test -all", v4, spf.Pass, "ptr"},
		{"v=spf1 ptr:test.invalid -all", v4, spf.Fail, "all"},
		{"v=spf1 ptr -all", v4, spf.Fail, "all"},
		{"v=spf1 ptr:only6.test -all", v6, spf.Pass, "ptr"},
		{"v=spf1 ptr:h.test -all", "192.0.2.2", spf.Fail, "all"},
		{"v=spf1 exists:h.test -all", "203.0.113.5", spf.Pass, "exists"},
		{"v=spf1 exists:h.test -all", v6, spf.Pass, "exists"},
		{"v=spf1 exists:only6.test -all", v6, spf.Fail, "all"},
		{"v=spf1 exists:only6.test -all", v4, spf.Fail, "all"},
		{"v=spf1 include:inc-pass.test -all", v4, spf.Pass, "all"},
		{"v=spf1 -include:inc-pass.test +all", v4, spf.Fail, "all"},
		{"v=spf1 include:inc-fail.test ?all", v4, spf.Neutral, "all"},
		{"v=spf1 include:inc-soft.test -all", v4, spf.Fail, "all"},
		{"v=spf1 include:inc-neutral.test -all", v4, spf.Fail, "all"},
		{"v=spf1 include:inc-bad.test -all", v4, spf.PermError, ""},
		{"v=spf1 include:no-spf.test -all", v4, spf.PermError, ""},
		{"v=spf1 include:none.test -all", v4, spf.PermError, ""},
		{"v=spf1 redirect=inc-soft.test", v4, spf.SoftFail, "all"},
		{"v=spf1 redirect=inc-soft.test ip4:192.0.2.1", v4, spf.Pass, "ip"},
		{"v=spf1 redirect=inc-soft.test -all", v4, spf.Fail, "all"},
		{"v=spf1 redirect=inc-neutral.test", v4, spf.Neutral, ""},
		{"v=spf1 redirect=none.test", v4, spf.PermError, ""},
		{"v=spf1 redirect=no-spf.test", v4, spf.PermError, ""},
		{"v=spf1 redirect=inc-bad.test", v4, spf.PermError, ""},
		{"v=spf1 moo=x.y%{d}/z a.b-c_d= ip4=192.0.2.1 -all", v4, spf.Fail, "all"},
	} {
		got := check(dnstest.NewZone(domain(c.record, host...)...), c.peer)
		if got.Status != c.want || got.Mechanism != c.by || got.Domain != "d.test" || got.Identity != spf.MailFrom {
			t.Errorf("%s for %s: %+v, want %s by %q", c.record, c.peer, got, c.want, c.by)
		}
	}
}

// TestSyntax: an error anywhere is permerror, though a term before it matches
// (RFC 7208 §4.6).
func TestSyntax(t *testing.T) {
	for _, term := range []string{
		"moo", "-moo", "all:x.test", "all/8", "all.", "-all=x%", "include", "include:", "include:x", "include:x.test/24",
		"redirect:x.test", "redirect=", "redirect=x", "-redirect=x.test", "redirect=x.test redirect=x.test",
		"exp=", "exp=x", "exp=x.test exp=y.test", "?exp:x.test", "ip4", "ip4:", "ip4:192.0.2", "ip4:192.0.2.1/33",
		"ip4:192.0.2.1/024", "ip4:192.0.2.1/", "ip4:192.0.2.01", "ip4:::1", "ip4:192.0.2.1//24",
		"ip6:192.0.2.1", "ip6:2001:db8::1/129", "ip6:2001:db8::1%eth0", "ip6:x", "a:", "a/33", "a/", "a//129", "a/24/24",
		"a:x.test/024", "a:1.2.3.4", "a:x..", "a:x.-y", "a:x.9", "mx:", "mx/-1", "mx//x", "mx:x.test:25", "ptr:", "ptr/24",
		"exists", "exists:", "exists/24", "exists:%{", "exists:%{d", "exists:%{x}", "exists:%{d0}", "exists:%{d2x}.test",
		"exists:%(ir).x.test", "exists:%{c}.test", "exists:%{t}.test", "a:%{r}.test", "a:b\u00fccher.test", "a:x\x01.test",
		"\x09all", "1x=y", "x=%a", "v=spf1 x=%{z}",
	} {
		z := dnstest.NewZone()
		zone := record{z, "v=spf1 ip4:192.0.2.1 " + term}
		c := spf.Checker{Resolver: zone}
		got := c.Check(t.Context(), netip.MustParseAddr(v4), "helo.test", mail.Address{Local: "a", Domain: "d.test"})
		if got.Status != spf.PermError || got.Problem == "" || len(z.Asked()) > 0 {
			t.Errorf("%q: %+v, asked %v", term, got, z.Asked())
		}
	}
}

// record answers every TXT question with itself: octets that no zone file
// spells.
type record struct {
	*dnstest.Zone
	txt string
}

func (r record) LookupTXT(context.Context, string) ([]string, error) { return []string{r.txt}, nil }

// TestRecords is RFC 7208 §4.3 to §4.5: which record counts, and when there is
// none.
func TestRecords(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  spf.Status
	}{
		{nil, spf.None},
		{[]string{"d.test. 60 IN A 192.0.2.1"}, spf.None},
		{[]string{`d.test. 60 IN TXT "v=spf10 -all"`}, spf.None},
		{[]string{`d.test. 60 IN TXT "v=spf1" "-all"`}, spf.None}, // joined: v=spf1-all
		{[]string{`d.test. 60 IN TXT " v=spf1 -all"`}, spf.None},
		{[]string{`d.test. 60 IN TXT "spf2.0/pra -all"`, `d.test. 60 IN TXT "v=spf1 -all"`}, spf.Fail},
		{[]string{`d.test. 60 IN TXT "v=spf1 ip4:192.0." "2.1 -all"`}, spf.Pass},
		{[]string{`d.test. 60 IN TXT "v=spf1 +all"`, `d.test. 60 IN TXT "v=spf1 -all"`}, spf.PermError},
		{[]string{`d.test. 60 IN TXT "v=spf1 +all"`, `d.test. 60 IN TXT "v=spf1"`}, spf.PermError},
		{[]string{"d.test. 60 IN CNAME e.test.", `e.test. 60 IN TXT "v=spf1 -all"`}, spf.Fail},
	} {
		if got := check(dnstest.NewZone(c.lines...), v4); got.Status != c.want {
			t.Errorf("%v: %+v, want %s", c.lines, got, c.want)
		}
	}
}

// TestIdentity is RFC 7208 §2.3, §2.4 and §4.3: what is looked up, and names
// that cannot have a policy.
func TestIdentity(t *testing.T) {
	z := func() *dnstest.Zone {
		return dnstest.NewZone(`d.test. 60 IN TXT "v=spf1 exists:%{l}.ok.test -all"`, `helo.test. 60 IN TXT "v=spf1 exists:%{s}.ok.test -all"`,
			"postmaster.ok.test. 60 IN A 127.0.0.2", "postmaster@helo.test.ok.test. 60 IN A 127.0.0.2",
			`my_host.test. 60 IN TXT "v=spf1 +all"`, `xn--bcher-kva.example. 60 IN TXT "v=spf1 +all"`)
	}
	for _, c := range []struct {
		from     mail.Address
		helo     string
		want     spf.Status
		identity spf.Identity
		domain   string
	}{
		{mail.Address{}, "helo.test", spf.Pass, spf.Helo, "helo.test"},
		{mail.Address{}, "HELO.test.", spf.Pass, spf.Helo, "helo.test"},
		{mail.Address{Domain: "d.test"}, "x", spf.Pass, spf.MailFrom, "d.test"},
		{mail.Address{Local: "a", Domain: "D.test"}, "helo.test", spf.Fail, spf.MailFrom, "d.test"},
		{mail.Address{Local: "δ", Domain: "d.test"}, "helo.test", spf.Fail, spf.MailFrom, "d.test"},
		{mail.Address{Local: "a", Domain: "bücher.example"}, "helo.test", spf.Pass, spf.MailFrom, "xn--bcher-kva.example"},
		{mail.Address{}, "my_host.test", spf.Pass, spf.Helo, "my_host.test"},
		{mail.Address{}, "bücher.example", spf.Pass, spf.Helo, "xn--bcher-kva.example"},
		{mail.Address{}, "localhost", spf.None, spf.Helo, ""},
		{mail.Address{}, "", spf.None, spf.Helo, ""},
		{mail.Address{}, "192.0.2.1", spf.None, spf.Helo, ""},
		{mail.Address{}, "[192.0.2.1]", spf.None, spf.Helo, ""},
		{mail.Address{}, "[IPv6:2001:db8::1]", spf.None, spf.Helo, ""},
		{mail.Address{}, "a..test", spf.None, spf.Helo, ""},
		{mail.Address{}, strings.Repeat("a", 64) + ".test", spf.None, spf.Helo, ""},
		{mail.Address{}, "a b.test", spf.None, spf.Helo, ""},
		{mail.Address{Local: "a", Domain: "[192.0.2.1]"}, "helo.test", spf.None, spf.MailFrom, ""},
	} {
		checker := spf.Checker{Resolver: z()}
		got := checker.Check(t.Context(), netip.MustParseAddr(v4), c.helo, c.from)
		if got.Status != c.want || got.Identity != c.identity || got.Domain != c.domain {
			t.Errorf("<%s> from %s: %+v", c.from, c.helo, got)
		}
	}
	checker := spf.Checker{Resolver: z()}
	if got := checker.Check(t.Context(), netip.Addr{}, "helo.test", mail.Address{}); got.Status != spf.None {
		t.Errorf("without an address: %+v", got)
	}
}

// macros are the expansions of RFC 7208 §7.4 and more, of strong-bad at
// email.example.com.
var macros = []struct{ spec, peer, want string }{
	{"%{s}", v4, "strong-bad@email.example.com"}, {"%{o}", v4, "email.example.com"}, {"%{d}", v4, "email.example.com"},
	{"%{d4}", v4, "email.example.com"}, {"%{d3}", v4, "email.example.com"}, {"%{d2}", v4, "example.com"},
	{"%{d1}", v4, "com"}, {"%{dr}", v4, "com.example.email"}, {"%{d2r}", v4, "example.email"}, {"%{l}", v4, "strong-bad"},
	{"%{l-}", v4, "strong.bad"}, {"%{lr}", v4, "strong-bad"}, {"%{lr-}", v4, "bad.strong"}, {"%{l1r-}", v4, "strong"},
	{"%{D1R}", v4, "email"}, {"%{d127}", v4, "email.example.com"},
	{"%{h}", v4, "helo.example.org"}, {"%{v}", v6, "ip6"}, {"%%x%-y.test", v4, "%x%20y.test"},
	{"%{S}", v4, "strong-bad%40email.example.com"}, {"%{p}", v4, "unknown"},
	{"%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr._spf.example.com"},
	{"%{lr-}.lp._spf.%{d2}", v4, "bad.strong.lp._spf.example.com"},
	{"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
	{"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
	{"%{d2}.trusted-domains.example.net", v4, "example.com.trusted-domains.example.net"},
	{"%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01",
		"1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"},
}

// TestMacros: the names that exists asks for.
func TestMacros(t *testing.T) {
	long := strings.Repeat("0123456789.", 25)
	check := func(spec, peer, want string) {
		z := dnstest.NewZone(fmt.Sprintf("email.example.com. 60 IN TXT %q", "v=spf1 exists:"+spec+" -all"))
		checker := spf.Checker{Resolver: z}
		checker.Check(t.Context(), netip.MustParseAddr(peer), "helo.example.org", mail.Address{Local: "strong-bad", Domain: "email.example.com"})
		if !slices.Contains(z.Asked(), "A "+strings.ToLower(want)) {
			t.Errorf("%s: asked %q, want %s", spec, z.Asked(), want)
		}
	}
	for _, m := range macros {
		check(m.spec, m.peer, m.want)
	}
	check(long+"%{d}", v4, cutTo253(long+"email.example.com"))
}

func cutTo253(name string) string {
	for len(name) > 253 {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}
