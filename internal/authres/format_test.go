package authres_test

import (
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	lib "github.com/emersion/go-msgauth/authres"

	"postroom/internal/authres"
	"postroom/internal/dmarc"
	"postroom/internal/iprev"
	"postroom/internal/spf"
)

func TestFormat(t *testing.T) {
	peer := netip.MustParseAddr("2001:db8::1")
	results := []authres.Result{
		authres.IPRev(iprev.Result{Status: iprev.Pass, Name: "mx.example.com"}, peer),
		authres.SPF(spf.Result{Status: spf.Pass, Identity: spf.MailFrom, Domain: "example.com", Mechanism: "mx"}),
		authres.SPF(spf.Result{Status: spf.PermError, Identity: spf.Helo, Domain: "helo.test", Problem: "several SPF records"}),
		authres.SPF(spf.Result{Status: spf.None, Identity: spf.Helo}),
		authres.DMARC(dmarc.Result{Status: dmarc.Fail, Domain: "example.com", RecordDomain: "example.com", Disposition: dmarc.DoQuarantine,
			Record: dmarc.Record{Policy: dmarc.Reject, SubdomainPolicy: dmarc.None, NonexistentPolicy: dmarc.Reject}, Eased: dmarc.Testing}),
		authres.DMARC(dmarc.Result{Status: dmarc.StatusNone, Domain: "example.net", Disposition: dmarc.DoNothing}),
		authres.DMARC(dmarc.Result{Status: dmarc.TempError, Domain: "b.example", RecordDomain: "b.example", Disposition: dmarc.Defer, Record: dmarc.Record{Policy: dmarc.Reject}}),
		authres.DMARC(dmarc.Result{Status: dmarc.PermError, Domain: "c.example", RecordDomain: "c.example", Disposition: dmarc.DoNothing, Record: dmarc.Record{Policy: dmarc.None, Invalid: true}}),
		authres.ARC("pass", 0, netip.MustParseAddr("192.0.2.1")),
		authres.ARC("none", -1, netip.Addr{}),
		authres.Auth("pass", "alice@us.test"),
	}
	results = append(results, authres.DKIM(
		authres.Signature{Status: "pass", Domain: "example.com", Selector: "s1", Algorithm: "rsa-sha256", Data: "AbC/12+=defghijk", Identity: "news@Example.com"},
		authres.Signature{Status: "fail", Domain: "example.org", Data: "short", Reason: "body hash did not verify"})...)
	want := strings.ReplaceAll(`Authentication-Results: mx.us.test;
	iprev=pass (mx.example.com) policy.iprev="2001:db8::1";
	spf=pass smtp.mailfrom=example.com;
	spf=permerror reason="several SPF records" smtp.helo=helo.test;
	spf=none;
	dmarc=fail (p=reject sp=none np=reject, testing) header.from=example.com
	policy.dmarc=quarantine;
	dmarc=none header.from=example.net;
	dmarc=temperror (p=reject) header.from=b.example;
	dmarc=permerror reason="unusable DMARC record" header.from=c.example;
	arc=pass header.oldest-pass=0 smtp.remote-ip=192.0.2.1;
	arc=none;
	auth=pass smtp.auth=alice@us.test;
	dkim=pass header.d=example.com header.s=s1 header.a=rsa-sha256
	header.b="AbC/12+=" header.i=news@example.com;
	dkim=fail reason="body hash did not verify" header.d=example.org
	header.b=short
`, "\n", "\r\n")
	if got := authres.Format("mx.us.test", results, false); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := authres.Format("mx.us.test", nil, false); got != "Authentication-Results: mx.us.test; none\r\n" {
		t.Errorf("without results: %q", got)
	}
}

// TestSignaturesApart: header.b tells any two signatures apart (RFC 6008).
func TestSignaturesApart(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ data, want []string }{
		{nil, nil},
		{[]string{"abcdefghijkl"}, []string{"abcdefgh"}},
		{[]string{"abcdefghijkl", "12345678ijkl"}, []string{"abcdefgh", "12345678"}},
		{[]string{"abcdefghijkl", "abcdefghiXkl", "abcdefghYjkl"}, []string{"abcdefghij", "abcdefghiX", "abcdefghY"}},
		{[]string{"abcd\r\n\tefgh ijkl", "abcdefghiXkl"}, []string{"abcdefghij", "abcdefghiX"}},
		{[]string{"abcdefgh", "abcdefghij"}, []string{"abcdefgh", "abcdefghi"}},
		{[]string{"abcdefghij", "abcdefghij"}, []string{"abcdefgh", "abcdefgh"}},
		{[]string{"", "abcdefghij"}, []string{"", "abcdefgh"}},
		{[]string{long + "a", long + "b"}, []string{long[:256], long[:256]}},
	} {
		var signatures []authres.Signature
		for _, d := range c.data {
			signatures = append(signatures, authres.Signature{Status: "pass", Data: d})
		}
		got := authres.DKIM(signatures...)
		if len(c.data) == 0 {
			if field := authres.Format("us.test", got, false); field != "Authentication-Results: us.test;\r\n\tdkim=none\r\n" {
				t.Errorf("no signature: %q", field)
			}
			continue
		}
		for i, r := range got {
			for _, p := range r.Properties {
				if p.Name == "header.b" && p.Value != c.want[i] {
					t.Errorf("%.60q: %q, want %q", c.data, p.Value, c.want[i])
				}
			}
		}
		if len(got) != len(c.data) {
			t.Errorf("%d signatures give %d results", len(c.data), len(got))
		}
	}
}

// TestAnotherReader: a parser that is not ours finds the same.
func TestAnotherReader(t *testing.T) {
	field := authres.Format("mx.us.test", append(authres.DKIM(authres.Signature{Status: "pass", Domain: "example.com", Identity: "@example.com"}),
		authres.SPF(spf.Result{Status: spf.SoftFail, Identity: spf.MailFrom, Domain: "example.com"})), false)
	id, results, err := lib.Parse(strings.TrimPrefix(field, "Authentication-Results:"))
	if err != nil || id != "mx.us.test" || len(results) != 2 {
		t.Fatalf("%q: %q %v %v", field, id, results, err)
	}
	if r := results[1].(*lib.SPFResult); r.Value != lib.ResultSoftFail || r.From != "example.com" {
		t.Errorf("SPF: %+v", r)
	}
	if r := results[0].(*lib.DKIMResult); r.Value != lib.ResultPass || r.Domain != "example.com" || r.Identifier != "@example.com" {
		t.Errorf("DKIM: %+v", r)
	}
}

// TestValues: what a stranger chose cannot end a value, a line or the field.
func TestValues(t *testing.T) {
	for _, c := range []struct {
		in, ascii, utf8 string
	}{
		{"example.com", "example.com", ""},
		{"a_b.test", "a_b.test", ""},
		{"a@example.com", "a@example.com", ""},
		{"@example.com", "@example.com", ""},
		{"a@b@example.com", "@example.com", ""},
		{`"q s"@example.com`, "@example.com", ""},
		{"x; dkim=pass@example.com", "@example.com", ""},
		{"a@example.com; dkim=pass", `"a@example.com; dkim=pass"`, ""},
		{"a@x=y.test", `"a@x=y.test"`, ""},
		{"x y", `"x y"`, ""},
		{"x; dkim=pass", `"x; dkim=pass"`, ""},
		{`x" (\`, `"x\" (\\"`, ""},
		{"x\r\nX-Evil: 1", `"x??X-Evil: 1"`, ""},
		{"x\r\n", `"x??"`, ""},
		{"\x00\x7f\u0085\u2028", `"????"`, ""},
		{"\xff\xfe", `"?"`, ""},
		{"δ@example.com", "@example.com", "δ@example.com"},
		{"δ@bücher.example", "@xn--bcher-kva.example", "δ@xn--bcher-kva.example"},
		{"bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"grün und so", `"gr?n und so"`, `"grün und so"`},
		{"grün", `"gr?n"`, `"grün"`},
		{strings.Repeat("a", 5000), strings.Repeat("a", 256), ""},
		{strings.Repeat(`"`, 5000), `"` + strings.Repeat(`\"`, 256) + `"`, ""},
		{strings.Repeat("ä", 5000), `"` + strings.Repeat("?", 128) + `"`, `"` + strings.Repeat("ä", 128) + `"`},
	} {
		r := authres.Result{Method: "x", Value: "y", Properties: []authres.Property{{Name: "header.v", Value: c.in}}}
		got := authres.Format("us.test", []authres.Result{r}, false)
		if !strings.HasSuffix(got, "header.v="+c.ascii+"\r\n") {
			t.Errorf("%.40q: %q, want %q", c.in, got, c.ascii)
		}
		valid(t, got, false)
		got = authres.Format("us.test", []authres.Result{r}, true)
		if valid(t, got, true); c.utf8 != "" && !strings.HasSuffix(got, "header.v="+c.utf8+"\r\n") {
			t.Errorf("%q with SMTPUTF8: %q, want %q", c.in, got, c.utf8)
		}
	}
	reason := authres.Format("us.test", []authres.Result{{Method: "x", Value: "y", Reason: "a@example.com"}}, false)
	if !strings.HasSuffix(reason, `reason="a@example.com"`+"\r\n") { // an address is a pvalue only
		t.Errorf("reason: %q", reason)
	}
	got := authres.Format("us.test", []authres.Result{{Method: "d\r\nkim", Value: "pa ss;", Comment: "a) b\\\r\n(ü", Properties: []authres.Property{{"he ader.x=", "1"}}}}, true)
	if got != "Authentication-Results: us.test;\r\n\tdkim=pass (a\\) b\\\\??\\(?) header.x=1\r\n" {
		t.Errorf("names: %q", got)
	}
}

// valid checks that s is one field of legal lines.
func valid(t *testing.T, s string, smtputf8 bool) {
	t.Helper()
	body, ok := strings.CutSuffix(s, "\r\n")
	if !ok || !utf8.ValidString(s) {
		t.Fatalf("%q", s)
	}
	for i, line := range strings.Split(body, "\r\n") {
		if i > 0 && (line == "" || line[0] != '\t' || strings.TrimSpace(line) == "") || len(line) > 996 {
			t.Errorf("line %d of %q", i, s)
		}
		if len(line) > 77 && strings.Count(line, " ") > 0 && !strings.ContainsAny(line, `"(`) {
			t.Errorf("line %d of %q can be folded", i, s)
		}
		for _, c := range line[min(i, 1):] {
			if c < ' ' || c == 0x7f || c > 0x7f && !smtputf8 {
				t.Errorf("%q in %q", c, s)
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("us.test", "spf", "pass", "a (b", "why; not", "smtp.mailfrom", "ü@example.com", true)
	f.Add("us.test", "", "", "", "\r\n", "header.i", `"\`, false)
	f.Fuzz(func(t *testing.T, id, method, value, comment, reason, property, text string, smtputf8 bool) {
		r := authres.Result{Method: method, Value: value, Comment: comment, Reason: reason, Properties: []authres.Property{{property, text}}}
		got := authres.Format("mx.us.test", []authres.Result{r, r}, smtputf8)
		valid(t, got, smtputf8)
		if cuts := authres.Foreign([]byte(got+"Subject: x\r\n\r\n"), "mx.us.test"); len(cuts) != 1 || cuts[0] != (authres.Range{Start: 0, End: len(got)}) {
			t.Errorf("%q is not found as one field of ours: %v", got, cuts)
		}
		valid(t, authres.Format(id, nil, smtputf8), smtputf8)
	})
}
