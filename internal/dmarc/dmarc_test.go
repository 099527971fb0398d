package dmarc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postroom/internal/dmarc"
	"postroom/internal/dns/dnstest"
)

// at publishes records: "example.com: v=DMARC1; p=reject".
func at(records ...string) []string {
	var out []string
	for _, r := range records {
		domain, txt, _ := strings.Cut(r, ": ")
		out = append(out, fmt.Sprintf("_dmarc.%s. 60 IN TXT %q", domain, txt))
	}
	return out
}

func pass(domain string) dmarc.Identifier { return dmarc.Identifier{Domain: domain, Status: "pass"} }

func open(domain string) dmarc.Identifier {
	return dmarc.Identifier{Domain: domain, Status: "temperror"}
}

// TestAlignment: which identifiers stand for which author domain, in both
// modes (RFC 9989 §4.4, §4.10.2).
func TestAlignment(t *testing.T) {
	for _, c := range []struct {
		records []string
		author  string
		id      string
		aligned bool
	}{
		{at("example.com: v=DMARC1"), "example.com", "example.com", true},
		{at("example.com: v=DMARC1"), "EXAMPLE.com", "Example.COM.", true},
		{at("example.com: v=DMARC1"), "example.com", "mail.example.com", true},
		{at("example.com: v=DMARC1"), "news.example.com", "example.com", true},
		{at("example.com: v=DMARC1"), "news.example.com", "foo.example.com", true},
		{at("example.com: v=DMARC1", "news.example.com: v=DMARC1"), "news.example.com", "foo.example.com", true},
		{at("example.com: v=DMARC1"), "example.com", "example.net", false},
		{at("example.com: v=DMARC1"), "example.com", "com", false},
		{at("example.com: v=DMARC1"), "example.com", "notexample.com", false},
		{at("example.com: v=DMARC1"), "example.com", "example.com.evil.com", false},
		{at("example.com: v=DMARC1"), "example.com", "", false},
		{at("xn--bcher-kva.example: v=DMARC1"), "bücher.example", "mail.bücher.example", true},
		{at("a_b.example.com: v=DMARC1; p=reject"), "a_b.example.com", "a_b.example.com", true},
		// strict
		{at("example.com: v=DMARC1; aspf=s; adkim=s"), "example.com", "example.com", true},
		{at("example.com: v=DMARC1; aspf=s; adkim=s"), "example.com", "mail.example.com", false},
		{at("example.com: v=DMARC1; aspf=s; adkim=s"), "mail.example.com", "example.com", false},
		{at("example.com: v=DMARC1; aspf=s; adkim=s"), "mail.example.com", "mail.example.com", true},
		// the record of the author domain says the mode, not the organization's
		{at("example.com: v=DMARC1; aspf=s; adkim=s", "news.example.com: v=DMARC1"), "news.example.com", "example.com", true},
		// psd=n makes a part of its own, for both sides
		{at("example.com: v=DMARC1", "uni.example.com: v=DMARC1; psd=n"), "uni.example.com", "example.com", false},
		{at("example.com: v=DMARC1", "uni.example.com: v=DMARC1; psd=n"), "example.com", "uni.example.com", false},
		{at("example.com: v=DMARC1", "uni.example.com: v=DMARC1; psd=n"), "example.com", "a.uni.example.com", false},
		{at("example.com: v=DMARC1", "uni.example.com: v=DMARC1; psd=n"), "a.uni.example.com", "b.uni.example.com", true},
		// psd=y: one label below
		{at("host.test: v=DMARC1; psd=y"), "a.host.test", "b.host.test", false},
		{at("host.test: v=DMARC1; psd=y"), "x.a.host.test", "y.a.host.test", true},
		{at("host.test: v=DMARC1; psd=y"), "x.a.host.test", "a.host.test", true},
		{at("host.test: v=DMARC1; psd=y", "test: v=DMARC1"), "host.test", "host.test", true},
		{at("host.test: v=DMARC1; psd=y"), "host.test", "a.host.test", false},
		// a registry that forgets psd=y joins nobody; a company's suffix may
		{at("co.uk: v=DMARC1; p=none"), "a.co.uk", "b.co.uk", false},
		{at("co.uk: v=DMARC1; p=none"), "x.a.co.uk", "a.co.uk", true},
		{at("co.uk: v=DMARC1; psd=n"), "a.co.uk", "b.co.uk", true},
		{at("blogspot.com: v=DMARC1; p=none"), "a.blogspot.com", "blogspot.com", true},
		// two records are none
		{append(at("example.com: v=DMARC1", "a.example.com: v=DMARC1; psd=n"), at("a.example.com: v=DMARC1; psd=n")...), "a.example.com", "example.com", true},
	} {
		e := dmarc.Evaluator{Resolver: dnstest.NewZone(c.records...)}
		spf := e.Evaluate(t.Context(), c.author, pass(c.id), nil)
		dkim := e.Evaluate(t.Context(), c.author, dmarc.Identifier{}, []dmarc.Identifier{{Domain: c.id, Status: "fail"}, pass(c.id)})
		want := dmarc.Fail
		if c.aligned {
			want = dmarc.Pass
		}
		if spf.SPFAligned != c.aligned || spf.DKIMAligned || spf.Status != want {
			t.Errorf("%v: SPF of %s for %s: %+v", c.records, c.id, c.author, spf)
		}
		if dkim.DKIMAligned != c.aligned || dkim.SPFAligned || dkim.Status != want {
			t.Errorf("%v: DKIM of %s for %s: %+v", c.records, c.id, c.author, dkim)
		}
		failed := e.Evaluate(t.Context(), c.author, dmarc.Identifier{Domain: c.id, Status: "softfail"}, []dmarc.Identifier{{Domain: c.id, Status: "none"}})
		if failed.Status != dmarc.Fail {
			t.Errorf("%v: %s for %s without a pass: %+v", c.records, c.id, c.author, failed)
		}
	}
}

// TestModesApart: adkim and aspf each for their own.
func TestModesApart(t *testing.T) {
	e := dmarc.Evaluator{Resolver: dnstest.NewZone(at("example.com: v=DMARC1; adkim=s")...)}
	got := e.Evaluate(t.Context(), "example.com", pass("m.example.com"), []dmarc.Identifier{pass("m.example.com")})
	if !got.SPFAligned || got.DKIMAligned || got.Status != dmarc.Pass {
		t.Errorf("adkim=s: %+v", got)
	}
	e = dmarc.Evaluator{Resolver: dnstest.NewZone(at("example.com: v=DMARC1; aspf=s")...)}
	got = e.Evaluate(t.Context(), "example.com", pass("m.example.com"), []dmarc.Identifier{pass("m.example.com")})
	if got.SPFAligned || !got.DKIMAligned || got.Status != dmarc.Pass {
		t.Errorf("aspf=s: %+v", got)
	}
}

// TestPolicy: where the record comes from, which of its policies applies, and
// what is left of it for mail that fails.
func TestPolicy(t *testing.T) {
	exists := "there.example.com. 60 IN A 192.0.2.1"
	for _, c := range []struct {
		zone        []string
		author      string
		status      dmarc.Status
		from        string // where the record stands
		org         string
		policy      dmarc.Policy
		disposition dmarc.Disposition
	}{
		{nil, "example.com", dmarc.StatusNone, "", "example.com", "", dmarc.DoNothing},
		{nil, "a.b.example.co.uk", dmarc.StatusNone, "", "example.co.uk", "", dmarc.DoNothing},
		{at("example.com: v=spf1 -all"), "example.com", dmarc.StatusNone, "", "example.com", "", dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=none"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=quarantine"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.Quarantine, dmarc.DoQuarantine},
		{at("example.com: v=DMARC1; p=reject"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.Reject, dmarc.DoReject},
		{at("example.com: v=DMARC1; p=reject", "example.com: unrelated"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.Reject, dmarc.DoReject},
		{at("example.com: v=DMARC1; p=reject", "example.com: v=DMARC1; p=none"), "example.com", dmarc.StatusNone, "", "example.com", "", dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=reject", "example.com: v=DMARC1; p=none", "com: v=DMARC1; psd=y; sp=quarantine"), "example.com", dmarc.Fail, "com", "example.com", dmarc.Quarantine, dmarc.DoQuarantine},
		{at("example.com: v=DMARC1; p=drop"), "example.com", dmarc.PermError, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=drop; rua=mailto:a@b.test"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		// subdomains
		{at("example.com: v=DMARC1; p=reject"), "sub.example.com", dmarc.Fail, "example.com", "example.com", dmarc.Reject, dmarc.DoReject},
		{at("example.com: v=DMARC1; p=reject; sp=none"), "sub.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=none; sp=reject"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=none; sp=reject"), "a.b.sub.example.com", dmarc.Fail, "example.com", "example.com", dmarc.Reject, dmarc.DoReject},
		{at("example.com: v=DMARC1; p=reject; sp=reject", "sub.example.com: v=DMARC1; p=quarantine; sp=none"), "sub.example.com", dmarc.Fail, "sub.example.com", "example.com", dmarc.Quarantine, dmarc.DoQuarantine},
		{at("example.com: v=DMARC1; p=none", "b.example.com: v=DMARC1; p=reject"), "a.b.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=none", "b.example.com: v=DMARC1; p=reject; psd=n"), "a.b.example.com", dmarc.Fail, "b.example.com", "b.example.com", dmarc.Reject, dmarc.DoReject},
		// np
		{append(at("example.com: v=DMARC1; p=none; np=reject"), exists), "gone.example.com", dmarc.Fail, "example.com", "example.com", dmarc.Reject, dmarc.DoReject},
		{append(at("example.com: v=DMARC1; p=none; np=reject"), exists), "there.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{append(at("example.com: v=DMARC1; p=none; np=reject"), "m.example.com. 60 IN MX 0 ."), "m.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{append(at("example.com: v=DMARC1; p=none; np=reject"), "txt.example.com. 60 IN TXT x"), "txt.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{append(at("example.com: v=DMARC1; p=none; np=reject"), "a.empty.example.com. 60 IN A 192.0.2.1"), "empty.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=reject; sp=quarantine; np=none"), "gone.example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=none; np=reject"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		// public suffixes
		{at("bank.test: v=DMARC1; psd=y; p=reject"), "x.bank.test", dmarc.Fail, "bank.test", "x.bank.test", dmarc.Reject, dmarc.DoReject},
		{at("bank.test: v=DMARC1; psd=y; p=reject", "x.bank.test: v=DMARC1; p=none"), "a.x.bank.test", dmarc.Fail, "x.bank.test", "x.bank.test", dmarc.None, dmarc.DoNothing},
		{at("bank.test: v=DMARC1; psd=y; p=reject; sp=quarantine", "a.x.bank.test: v=DMARC1; p=none"), "b.a.x.bank.test", dmarc.Fail, "bank.test", "x.bank.test", dmarc.Quarantine, dmarc.DoQuarantine},
		{at("bank.test: v=DMARC1; psd=y; p=reject"), "bank.test", dmarc.Fail, "bank.test", "bank.test", dmarc.Reject, dmarc.DoReject},
		{at("gov.uk: v=DMARC1; p=reject"), "x.gov.uk", dmarc.Fail, "gov.uk", "x.gov.uk", dmarc.Reject, dmarc.DoReject},
		// t
		{at("example.com: v=DMARC1; p=reject; t=y"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.Reject, dmarc.DoQuarantine},
		{at("example.com: v=DMARC1; p=quarantine; t=y"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.Quarantine, dmarc.DoNothing},
		{at("example.com: v=DMARC1; p=none; t=y"), "example.com", dmarc.Fail, "example.com", "example.com", dmarc.None, dmarc.DoNothing},
		// no domain
		{nil, "", dmarc.PermError, "", "", "", dmarc.DoNothing},
		{nil, "[192.0.2.1]", dmarc.PermError, "", "", "", dmarc.DoNothing},
		{nil, "a\r\nb.test", dmarc.PermError, "", "", "", dmarc.DoNothing},
	} {
		e := dmarc.Evaluator{Resolver: dnstest.NewZone(c.zone...)}
		got := e.Evaluate(t.Context(), c.author, pass("elsewhere.org"), nil)
		if got.Status != c.status || got.RecordDomain != c.from || got.Policy != c.policy || got.Disposition != c.disposition || got.OrgDomain != c.org {
			t.Errorf("%v for %s: %+v", c.zone, c.author, got)
		}
		if c.status != dmarc.Fail {
			continue
		}
		if got := e.Evaluate(t.Context(), c.author, pass(c.author), nil); got.Status != dmarc.Pass || got.Disposition != dmarc.DoNothing {
			t.Errorf("%v for %s that passes: %+v", c.zone, c.author, got)
		}
	}
}

// TestSampling: pct takes a part of the failing mail a step down (RFC 7489
// §6.6.4), and t takes its place.
func TestSampling(t *testing.T) {
	for _, c := range []struct {
		record string
		chance int
		want   dmarc.Disposition
		eased  dmarc.Eased
	}{
		{"p=reject; pct=30", 29, dmarc.DoReject, dmarc.NotEased},
		{"p=reject; pct=30", 30, dmarc.DoQuarantine, dmarc.SampledOut},
		{"p=quarantine; pct=30", 99, dmarc.DoNothing, dmarc.SampledOut},
		{"p=reject; pct=0", 0, dmarc.DoQuarantine, dmarc.SampledOut},
		{"p=reject; pct=100", 99, dmarc.DoReject, dmarc.NotEased},
		{"p=reject; pct=0; t=n", 99, dmarc.DoReject, dmarc.NotEased},
		{"p=reject; pct=100; t=y", 0, dmarc.DoQuarantine, dmarc.Testing},
		{"p=none; pct=0", 99, dmarc.DoNothing, dmarc.NotEased},
	} {
		e := dmarc.Evaluator{Resolver: dnstest.NewZone(at("example.com: v=DMARC1; " + c.record)...), Percent: func() int { return c.chance }}
		if got := e.Evaluate(t.Context(), "example.com", dmarc.Identifier{}, nil); got.Disposition != c.want || got.Eased != c.eased {
			t.Errorf("%s at %d: %+v", c.record, c.chance, got)
		}
	}
	e := dmarc.Evaluator{Resolver: dnstest.NewZone(at("example.com: v=DMARC1; p=reject; pct=50")...)}
	seen := map[dmarc.Disposition]bool{}
	for range 200 {
		seen[e.Evaluate(t.Context(), "example.com", dmarc.Identifier{}, nil).Disposition] = true
	}
	if len(seen) != 2 {
		t.Errorf("half of 200: %v", seen)
	}
}

// TestBrokenDNS: nobody passes or fails by a DNS that does not answer; where
// the policy is known to be none, mail goes on.
func TestBrokenDNS(t *testing.T) {
	for name, c := range map[string]struct {
		zone        []string
		broken      []string
		author      string
		spf         dmarc.Identifier
		dkim        []dmarc.Identifier
		status      dmarc.Status
		disposition dmarc.Disposition
	}{
		"record":              {broken: []string{"_dmarc.example.com"}, author: "example.com", spf: pass("example.com"), status: dmarc.TempError, disposition: dmarc.Defer},
		"parent":              {zone: at("com: v=DMARC1; psd=y"), broken: []string{"_dmarc.example.com"}, author: "a.example.com", status: dmarc.TempError, disposition: dmarc.Defer},
		"top":                 {zone: at("example.com: v=DMARC1; p=reject"), broken: []string{"_dmarc.com"}, author: "a.example.com", status: dmarc.TempError, disposition: dmarc.Defer},
		"not needed":          {zone: at("example.com: v=DMARC1; p=reject"), broken: []string{"_dmarc.com"}, author: "example.com", spf: pass("example.com"), status: dmarc.Pass, disposition: dmarc.DoNothing},
		"strict needs none":   {zone: at("example.com: v=DMARC1; p=reject; aspf=s"), broken: []string{"_dmarc.com"}, author: "example.com", spf: pass("a.example.com"), status: dmarc.Fail, disposition: dmarc.DoReject},
		"alignment":           {zone: at("example.com: v=DMARC1; p=reject"), broken: []string{"_dmarc.com"}, author: "example.com", spf: pass("a.example.com"), status: dmarc.TempError, disposition: dmarc.Defer},
		"alignment, p=none":   {zone: at("example.com: v=DMARC1"), broken: []string{"_dmarc.com"}, author: "example.com", spf: pass("a.example.com"), status: dmarc.TempError, disposition: dmarc.DoNothing},
		"identifier's walk":   {zone: at("example.com: v=DMARC1; p=reject"), broken: []string{"_dmarc.a.example.com"}, author: "example.com", spf: pass("a.example.com"), status: dmarc.TempError, disposition: dmarc.Defer},
		"another one passes":  {zone: at("example.com: v=DMARC1; p=reject"), broken: []string{"_dmarc.a.example.com"}, author: "example.com", spf: pass("a.example.com"), dkim: []dmarc.Identifier{pass("example.com")}, status: dmarc.Pass, disposition: dmarc.DoNothing},
		"SPF open":            {zone: at("example.com: v=DMARC1; p=reject"), author: "example.com", spf: open("example.com"), status: dmarc.TempError, disposition: dmarc.Defer},
		"SPF open, DKIM pass": {zone: at("example.com: v=DMARC1; p=reject"), author: "example.com", spf: open("example.com"), dkim: []dmarc.Identifier{pass("example.com")}, status: dmarc.Pass, disposition: dmarc.DoNothing},
		"DKIM open":           {zone: at("example.com: v=DMARC1; p=quarantine"), author: "example.com", dkim: []dmarc.Identifier{open("k.example.com")}, status: dmarc.TempError, disposition: dmarc.Defer},
		"open elsewhere":      {zone: at("example.com: v=DMARC1; p=reject"), author: "example.com", spf: open("evil.org"), dkim: []dmarc.Identifier{open("evil.com")}, status: dmarc.Fail, disposition: dmarc.DoReject},
		"np unknown":          {zone: at("example.com: v=DMARC1; p=none; np=reject"), broken: []string{"gone.example.com"}, author: "gone.example.com", status: dmarc.TempError, disposition: dmarc.Defer},
	} {
		z := dnstest.NewZone(c.zone...)
		z.Break(c.broken...)
		e := dmarc.Evaluator{Resolver: z}
		if got := e.Evaluate(t.Context(), c.author, c.spf, c.dkim); got.Status != c.status || got.Disposition != c.disposition {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTreeWalk: the questions of a walk, in order and number (RFC 9989 §4.10).
func TestTreeWalk(t *testing.T) {
	walk := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, "TXT _dmarc."+n)
		}
		return out
	}
	for author, want := range map[string][]string{
		"com":         walk("com"),
		"example.com": walk("example.com", "com"),
		"a.b.c.d.mail.example.com": walk("a.b.c.d.mail.example.com", "b.c.d.mail.example.com", "c.d.mail.example.com",
			"d.mail.example.com", "mail.example.com", "example.com", "com"),
		"a.b.c.d.e.mail.example.com": walk("a.b.c.d.e.mail.example.com", "b.c.d.e.mail.example.com", "c.d.e.mail.example.com",
			"d.e.mail.example.com", "e.mail.example.com", "mail.example.com", "example.com", "com"),
		"a.b.c.d.e.f.g.h.i.j.mail.example.com": walk("a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com",
			"h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com"),
	} {
		z := dnstest.NewZone()
		e := dmarc.Evaluator{Resolver: z}
		if e.Evaluate(t.Context(), author, pass(author), nil); !slices.Equal(z.Asked(), want) {
			t.Errorf("%s: %v", author, z.Asked())
		}
	}
	z := dnstest.NewZone(at("b.example.com: v=DMARC1; psd=n")...)
	e := dmarc.Evaluator{Resolver: z}
	if e.Evaluate(t.Context(), "a.b.example.com", pass("x.test"), nil); !slices.Equal(z.Asked(), walk("a.b.example.com", "b.example.com")) {
		t.Errorf("psd=n does not end the walk: %v", z.Asked())
	}
	// A name that is skipped over is not asked, though it has a record.
	z = dnstest.NewZone(at("2.3.4.5.6.7.8.9.test: v=DMARC1; p=reject", "test: v=DMARC1; p=none")...)
	e = dmarc.Evaluator{Resolver: z}
	if got := e.Evaluate(t.Context(), "0.1.2.3.4.5.6.7.8.9.test", dmarc.Identifier{}, nil); got.RecordDomain != "test" || len(z.Asked()) != 8 {
		t.Errorf("%+v after %v", got, z.Asked())
	}
	// Many signatures cost a bounded number of questions, strangers none.
	z = dnstest.NewZone(at("example.com: v=DMARC1; p=reject")...)
	e = dmarc.Evaluator{Resolver: z}
	var ids []dmarc.Identifier
	for i := range 500 {
		ids = append(ids, pass(fmt.Sprintf("d%d.example.net", i)), open(fmt.Sprintf("a.b.c.d.e.f.g.h%d.example.com", i)))
	}
	if got := e.Evaluate(t.Context(), "example.com", dmarc.Identifier{}, ids); got.Status != dmarc.TempError || len(z.Asked()) > 8*9 {
		t.Errorf("%+v after %d questions", got, len(z.Asked()))
	}
}

func TestOrgDomain(t *testing.T) {
	for name, want := range map[string]string{
		"example.com": "example.com", "a.b.example.com": "example.com", "a.example.co.uk": "example.co.uk",
		"co.uk": "co.uk", "com": "com", "x.y.unlisted": "y.unlisted", "a.user.github.io": "user.github.io",
	} {
		if got := dmarc.OrgDomain(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
