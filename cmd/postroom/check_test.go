package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// TestCheckReadsDNS compares what other servers would look up with what they
// should find.
func TestCheckReadsDNS(t *testing.T) {
	dns := dnstest.New(t)
	environ := []string{"POSTROOM_DATABASE_URL=" + storetest.Database(t), "POSTROOM_DATA_DIR=" + t.TempDir(),
		"POSTROOM_HOSTNAME=mail.example.org", "POSTROOM_DNS_SERVERS=" + dns.Addr()}
	cli := func(args ...string) (string, int) {
		var out, errOut bytes.Buffer
		code := run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errOut, environ: environ})
		return out.String() + errOut.String(), code
	}
	if out, code := cli("domain", "add", "example.org"); code != 0 {
		t.Fatal(out)
	}
	has := func(when string, wants ...string) {
		t.Helper()
		out, _ := cli("check")
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: check does not say %q:\n%s", when, want, out)
			}
		}
	}
	has("nothing is published", "mail.example.org has no address", "hint: add an A (and AAAA) record for it",
		"no MX record points to mail.example.org", "hint: add: example.org. MX 10 mail.example.org.", "no SPF record", "no DMARC record",
		"no DKIM record", "hint: postroom dkim example.org prints it")

	out, _ := cli("domain", "show", "example.org", "--json")
	var shown struct {
		DNS []struct{ Name, Type, Zone string }
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.DNS) != 5 {
		t.Fatalf("%v in %s", err, out)
	}
	dns.Add("mail.example.org. 60 IN A 192.0.2.1")
	for _, r := range shown.DNS {
		dns.Add(r.Zone)
	}
	has("without a PTR record", "192.0.2.1 does not lead back to mail.example.org", "example.org: MX, SPF, DKIM and DMARC are there")
	dns.Add("1.2.0.192.in-addr.arpa. 60 IN PTR mail.example.org.")
	has("all is published", "mail.example.org is 192.0.2.1 and back", "example.org: MX, SPF, DKIM and DMARC are there")

	if out, code := cli("dkim", "renew", "example.org", "--retire"); code != 0 {
		t.Fatal(out)
	}
	out, _ = cli("dkim", "example.org", "--json")
	var keys []struct{ Name string }
	if err := json.Unmarshal([]byte(out), &keys); err != nil || len(keys) == 0 {
		t.Fatalf("%v in %s", err, out)
	}
	dns.Add(keys[0].Name + `. 60 IN TXT "v=DKIM1; k=rsa; p=b2xk"`)
	has("after a renewal", "holds another key than the one that signs", "hint: publish the record that postroom dkim example.org prints")
}

// TestCheckKnowsOfACME: what clients will meet, before it hurts.
func TestCheckKnowsOfACME(t *testing.T) {
	url, now := storetest.Database(t), time.Now()
	environ := []string{"POSTROOM_DATABASE_URL=" + url, "POSTROOM_DATA_DIR=" + t.TempDir(), "POSTROOM_HOSTNAME=mail.example.org",
		"POSTROOM_ACME=on", "POSTROOM_ACME_EMAIL=admin@example.org"}
	cli := func(args ...string) (string, int) {
		var out, errOut bytes.Buffer
		code := run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errOut, environ: environ})
		return out.String() + errOut.String(), code
	}
	says := func(wants ...string) {
		t.Helper()
		out, _ := cli("check", "--no-dns")
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("check does not say %q:\n%s", want, out)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	says("no server has asked for certificates yet")
	if out, code := cli("certificate", "renew"); code != 1 || !strings.Contains(out, "hint: postroom certificate list") {
		t.Errorf("status %d: %s", code, out)
	}
	s, fingerprint := storetest.Open(t, url), []byte("a key")
	must(s.BindMasterKey(t.Context(), fingerprint))
	must(s.WantCertificates(t.Context(), []string{"bad.test", "fine.test", "kept.test", "late.test", "new.test"}, now))
	for name, days := range map[string]int{"fine.test": 60, "kept.test": 20, "late.test": -1} {
		must(s.SaveCertificate(t.Context(), mail.Certificate{Name: name, Sealed: []byte("x"), Issuer: "Test CA", NotBefore: now.AddDate(0, 0, -70),
			NotAfter: now.AddDate(0, 0, days)}, fingerprint))
	}
	for _, name := range []string{"bad.test", "kept.test", "late.test"} {
		must(s.FailCertificate(t.Context(), name, "nobody answers", now, now.Add(time.Hour)))
	}
	says("error\tcertificate\tbad.test has none: nobody answers", "ok\tcertificate\tfor fine.test until",
		"warning\tcertificate\tthat of kept.test was not renewed, the old one is good until", "error\tcertificate\tthat of late.test expired on",
		"warning\tcertificate\tnew.test has none yet", "hint: see docs/certificates.md; when it is cured: postroom certificate renew kept.test")
	if out, code := cli("certificate", "list"); code != 0 || !strings.Contains(out, "kept.test\tacme\tTest CA\t") || !strings.Contains(out, "\tnobody answers\n") {
		t.Errorf("status %d: %s", code, out)
	}
	if out, code := cli("certificate", "renew", "KEPT.test", "--no-wait", "--json"); code != 0 || strings.Count(out, `"names"`) != 1 || !strings.Contains(out, `"asked":true`) {
		t.Errorf("status %d: %s", code, out)
	}
}
