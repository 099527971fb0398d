package spf_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
	"postroom/internal/spf"
)

func repeat(n int, f func(i int) string) []string {
	var out []string
	for i := range n {
		out = append(out, f(i))
	}
	return out
}

// TestLimits is RFC 7208 §4.6.4 on both sides of each limit, and the loops.
func TestLimits(t *testing.T) {
	exist := func(n int) string {
		return strings.Join(repeat(n, func(int) string { return "a:far.test" }), " ")
	}
	void := func(n int) string {
		return strings.Join(repeat(n, func(i int) string { return fmt.Sprintf("exists:void%d.test", i) }), " ")
	}
	far := "far.test. 60 IN A 198.51.100.1"
	mxs := func(n int) []string {
		return repeat(n, func(i int) string { return fmt.Sprintf("m.test. 60 IN MX %d mx%d.test.", i, i) })
	}
	ptrs := func(n int) []string {
		out := repeat(n, func(i int) string { return fmt.Sprintf("1.2.0.192.in-addr.arpa. 60 IN PTR p%d.test.", i) })
		return append(out, fmt.Sprintf("p%d.test. 60 IN A 192.0.2.1", n-1))
	}
	for _, c := range []struct {
		name   string
		record string
		zone   []string
		want   spf.Status
	}{
		{"ten terms", "v=spf1 " + exist(10) + " -all", []string{far}, spf.Fail},
		{"eleven terms", "v=spf1 " + exist(11) + " -all", []string{far}, spf.PermError},
		{"eleventh not reached", "v=spf1 " + exist(9) + " a:us.test " + exist(5), []string{far, "us.test. 60 IN A 192.0.2.1"}, spf.Pass},
		{"terms that ask nothing", "v=spf1 " + strings.Repeat("ip4:198.51.100.1 ", 50) + "-all", nil, spf.Fail},
		{"redirect counts", "v=spf1 " + exist(10) + " redirect=r.test", []string{far, `r.test. 60 IN TXT "v=spf1 -all"`}, spf.PermError},
		{"exp does not", "v=spf1 " + exist(10) + " -all exp=e.test", []string{far}, spf.Fail},
		{"counted across include", "v=spf1 include:i.test " + exist(5) + " -all", []string{far, fmt.Sprintf(`i.test. 60 IN TXT "v=spf1 %s -all"`, exist(5))}, spf.PermError},
		{"include of itself", "v=spf1 include:d.test -all", nil, spf.PermError},
		{"redirect to itself", "v=spf1 redirect=d.test", nil, spf.PermError},
		{"loop of two", "v=spf1 include:l.test", []string{`l.test. 60 IN TXT "v=spf1 redirect=d.test"`}, spf.PermError},
		{"two void", "v=spf1 " + void(2) + " -all", nil, spf.Fail},
		{"three void", "v=spf1 " + void(3) + " -all", nil, spf.PermError},
		{"void A, MX and PTR", "v=spf1 a:x.test mx:x.test ptr:x.test -all", nil, spf.PermError},
		{"names that cannot be asked", "v=spf1 exists:%{l}.%{l}" + strings.Repeat("x", 64) + ".test -all", nil, spf.Fail},
		{"ten MX", "v=spf1 mx:m.test -all", append(mxs(10), "mx9.test. 60 IN A 192.0.2.1"), spf.Pass},
		{"eleven MX", "v=spf1 mx:m.test -all", append(mxs(11), "mx0.test. 60 IN A 192.0.2.1"), spf.PermError},
		{"tenth PTR", "v=spf1 ptr:p9.test -all", ptrs(10), spf.Pass},
		{"eleventh PTR", "v=spf1 ptr:p10.test -all", ptrs(11), spf.Fail},
		{"many A records of one MX", "v=spf1 mx:m.test -all", append(repeat(12, func(i int) string { return fmt.Sprintf("mx0.test. 60 IN A 192.0.2.%d", 12-i) }), mxs(1)...), spf.Pass},
	} {
		z := dnstest.NewZone(domain(c.record, c.zone...)...)
		if got := check(z, v4); got.Status != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
		if n := len(z.Asked()); n > 40 {
			t.Errorf("%s: %d questions", c.name, n)
		}
	}
}

// TestBrokenDNS: what does not answer is never a pass and no verdict, but for
// the reverse zone, which belongs to the peer (RFC 7208 §5.5).
func TestBrokenDNS(t *testing.T) {
	for _, c := range []struct {
		record string
		want   spf.Status
	}{
		{"v=spf1 a:broken.test +all", spf.TempError},
		{"v=spf1 mx:broken.test +all", spf.TempError},
		{"v=spf1 mx:m.test +all", spf.TempError},
		{"v=spf1 exists:broken.test +all", spf.TempError},
		{"v=spf1 include:broken.test +all", spf.TempError},
		{"v=spf1 redirect=broken.test", spf.TempError},
		{"v=spf1 ip4:192.0.2.1 a:broken.test", spf.Pass},
		{"v=spf1 ptr:x.test -all", spf.Fail},
		{"v=spf1 -all exp=broken.test", spf.Fail},
	} {
		z := dnstest.NewZone(domain(c.record, "m.test. 60 IN MX 10 broken.test.")...)
		z.Break("broken.test", "1.2.0.192.in-addr.arpa")
		if got := check(z, v4); got.Status != c.want || got.Explanation != "" {
			t.Errorf("%s: %+v, want %s", c.record, got, c.want)
		}
	}
	z := dnstest.NewZone(domain("v=spf1 +all")...)
	z.Break("d.test")
	if got := check(z, v4); got.Status != spf.TempError || got.Problem == "" {
		t.Errorf("the record itself: %+v", got)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	c := spf.Checker{Resolver: record{dnstest.NewZone(), "v=spf1 ptr:x.test -all"}}
	if got := c.Check(ctx, netip.MustParseAddr(v4), "helo.test", mail.Address{Local: "a", Domain: "d.test"}); got.Status != spf.TempError {
		t.Errorf("out of time in ptr: %+v", got)
	}
}

// TestExplanation is RFC 7208 §6.2: whose exp counts, what it expands to, and
// when there is none.
func TestExplanation(t *testing.T) {
	texts := []string{
		`plain.test. 60 IN TXT "Ask our " "postmaster."`,
		`macro.test. 60 IN TXT "%{c} is not for %{d}; see http://%{d}/why?s=%{S}&t=%{t}&r=%{r}%_%%"`,
		`two.test. 60 IN TXT "one"`, `two.test. 60 IN TXT "two"`,
		`bad.test. 60 IN TXT "100% wrong"`, `high.test. 60 IN TXT "b\195\188cher"`, `ctl.test. 60 IN TXT "a\010Bcc: x"`,
		`d.test.why.test. 60 IN TXT "by name"`, `long.test. 60 IN TXT "` + strings.Repeat("x", 200) + `" "` + strings.Repeat("y", 200) + `"`,
		`inc.test. 60 IN TXT "v=spf1 +all exp=plain.test"`, `red.test. 60 IN TXT "v=spf1 -all exp=plain.test"`,
		`bare.test. 60 IN TXT "v=spf1 -all"`, `hop.test. 60 IN TXT "v=spf1 redirect=red.test exp=macro.test"`,
		`incred.test. 60 IN TXT "v=spf1 include:no.test"`, `no.test. 60 IN TXT "v=spf1 -all exp=macro.test"`,
	}
	for record, want := range map[string]string{
		"v=spf1 -all exp=plain.test":                              "Ask our postmaster.",
		"v=spf1 exp=plain.test -all":                              "Ask our postmaster.",
		"v=spf1 -all EXP=%{d}.why.test":                           "by name",
		"v=spf1 -all":                                             "",
		"v=spf1 ~all exp=plain.test":                              "",
		"v=spf1 -all exp=macro.test":                              "192.0.2.1 is not for d.test; see http://d.test/why?s=strong-bad%40d.test&t=1000000000&r=mx.us.test %",
		"v=spf1 -all exp=two.test":                                "",
		"v=spf1 -all exp=bad.test":                                "",
		"v=spf1 -all exp=high.test":                               "",
		"v=spf1 -all exp=ctl.test":                                "",
		"v=spf1 -all exp=none.test":                               "",
		"v=spf1 -all exp=long.test":                               strings.Repeat("x", 200) + strings.Repeat("y", 55),
		"v=spf1 -include:inc.test":                                "",
		"v=spf1 include:no.test -all":                             "",
		"v=spf1 redirect=red.test":                                "Ask our postmaster.",
		"v=spf1 redirect=hop.test":                                "Ask our postmaster.",
		"v=spf1 exp=plain.test redirect=bare.test":                "",
		"v=spf1 -ip4:192.0.2.1 redirect=red.test exp=two.test":    "",
		"v=spf1 -all redirect=red.test exp=d.test.why.test":       "by name",
		"v=spf1 include:no.test exp=macro.test redirect=red.test": "Ask our postmaster.",
	} {
		got := check(dnstest.NewZone(domain(record, texts...)...), v4)
		if got.Explanation != want {
			t.Errorf("%s: %s %q, want %q", record, got.Status, got.Explanation, want)
		}
	}
}

// TestExplanationMacros: the same expansions in the text of an explanation and
// in the way to it, and what is none (RFC 7208 §6.2, §7.1, §7.2).
func TestExplanationMacros(t *testing.T) {
	explain := func(helo, peer, exp, text string) string {
		z := dnstest.NewZone(fmt.Sprintf("email.example.com. 60 IN TXT %q", "v=spf1 -all exp="+exp), fmt.Sprintf("e.test. 60 IN TXT %q", text),
			`email.1.b.c.test. 60 IN TXT "by name"`)
		c := spf.Checker{Resolver: z}
		return c.Check(t.Context(), netip.MustParseAddr(peer), helo, mail.Address{Local: "strong-bad", Domain: "email.example.com"}).Explanation
	}
	for _, m := range macros {
		if got := explain("helo.example.org", m.peer, "e.test", m.spec); got != m.want {
			t.Errorf("%s: %q, want %q", m.spec, got, m.want)
		}
	}
	for _, c := range []struct{ helo, exp, text, want string }{
		{"h", "e.test", "%{c} at %{r}", "192.0.2.1 at unknown"},
		{"h", "e.test", "%{v} %{C}", "in-addr 192.0.2.1"},
		{"b\u00fccher\r\nX: y", "e.test", "by %{h}", "by b?cher??X: y"},
		{"b\u00fc-._~&", "e.test", "?h=%{H}", "?h=b%C3%BC-._~%26"},
		{"h", "%{D1r}.1.b.c.test", "", "by name"},
		{"h", "e.test", "%{d0}", ""},
		{"h", "e.test", "%{z}", ""},
		{"h", "e.test", "%{d", ""},
		{"h", "e.test", "50% off", ""},
		{"h", "%{c}.test", "x", ""}, // c, r and t are for the text alone
		{"h", strings.Repeat("x", 64) + ".test", "x", ""},
	} {
		if got := explain(c.helo, v4, c.exp, c.text); got != c.want {
			t.Errorf("%s, %q: %q, want %q", c.exp, c.text, got, c.want)
		}
	}
}

// FuzzCheck: no record makes the check panic, ask without bound, or say what
// no header or reply can hold.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"v=spf1 -all exp=%{l}.x.test", "v=spf1 a:%{d2r}.test/24//64 mx ptr include:d.test", "v=spf1 redirect=d.test", "v=spf1 exists:%{ir}%{S}.test"} {
		f.Add(s, "helo.test", "local", true)
	}
	f.Fuzz(func(t *testing.T, txt, helo, local string, four bool) {
		peer := v6
		if four {
			peer = v4
		}
		z := dnstest.NewZone()
		c := spf.Checker{Resolver: record{z, txt}}
		got := c.Check(t.Context(), netip.MustParseAddr(peer), helo, mail.Address{Local: local, Domain: "d.test"})
		for _, text := range []string{got.Explanation, got.Problem, got.Mechanism} {
			if len(text) > 255 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
				t.Errorf("%q", text)
			}
		}
		if n := len(z.Asked()); n > 100 {
			t.Errorf("%d questions", n)
		}
	})
}
