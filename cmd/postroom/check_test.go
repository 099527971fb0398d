package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postroom/internal/dns/dnstest"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// TestCheckReadsDNS compares what other servers would look up with what they
// should find.
func TestCheckReadsDNS(t *testing.T) {
	dns := dnstest.New(t)
	environ := []string{"POSTROOM_DATABASE_URL=" + storetest.Database(t), "POSTROOM_DATA_DIR=" + t.TempDir(),
		"POSTROOM_HOSTNAME=mail.example.org", "POSTROOM_DNS_SERVERS=" + dns.Addr(), "POSTROOM_PUBLIC_ADDRESSES=192.0.2.1"}
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
	has("nothing is published", "error\tdns\tMX example.org: missing", "hint: mail for the domain goes elsewhere, or back to its senders; add: example.org. IN MX 10 mail.example.org.",
		"error\tdns\tA mail.example.org: missing", "error\tdns\tPTR 1.2.0.192.in-addr.arpa: missing", "ask the provider of the address",
		"error\tdns\tTXT example.org: missing", "warning\tdns\tTXT _dmarc.example.org: missing", "._domainkey.example.org: missing")

	out, _ := cli("dns", "example.org", "--json")
	var records []struct{ Name, Type, Zone, Kind string }
	if err := json.Unmarshal([]byte(out), &records); err != nil || len(records) < 10 {
		t.Fatalf("%v in %s", err, out)
	}
	for _, r := range records {
		dns.Add(r.Zone)
	}
	has("all is published", "ok\tdns\texample.org: what it needs is published")

	if out, code := cli("dkim", "renew", "example.org", "--retire"); code != 0 {
		t.Fatal(out)
	}
	out, _ = cli("dkim", "example.org", "--json")
	var keys []struct{ Name string }
	if err := json.Unmarshal([]byte(out), &keys); err != nil || len(keys) == 0 {
		t.Fatalf("%v in %s", err, out)
	}
	dns.Add(keys[0].Name + `. 60 IN TXT "v=DKIM1; k=rsa; p=b2xk"`)
	has("after a renewal", "it holds another key than the one that signs", "have instead: "+keys[0].Name+". IN TXT")
}

// TestDNSPrintsAZone: what a pipe gets is a zone file of the domain.
func TestDNSPrintsAZone(t *testing.T) {
	environ := []string{"POSTROOM_DATABASE_URL=" + storetest.Database(t), "POSTROOM_DATA_DIR=" + t.TempDir(),
		"POSTROOM_HOSTNAME=mail.example.org", "POSTROOM_PUBLIC_ADDRESSES=192.0.2.1 2001:db8::1"}
	cli := func(args ...string) string {
		var out, errOut bytes.Buffer
		if code := run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errOut, environ: environ}); code != 0 {
			t.Fatalf("%v: %d %s", args, code, errOut.String())
		}
		return out.String()
	}
	cli("domain", "add", "example.org")
	if table := cli("dns", "example.org", "--table"); !strings.Contains(table, "required\texample.org\tMX\t10 mail.example.org.\n") {
		t.Errorf("table:\n%s", table)
	}
	zone := cli("dns", "example.org")
	if cli("dns", "example.org", "--zone") != zone {
		t.Error("--zone is not what a pipe gets")
	}
	types := map[string]int{}
	parser := mdns.NewZoneParser(strings.NewReader(zone), "example.org.", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		types[mdns.TypeToString[rr.Header().Rrtype]]++
		if !mdns.IsSubDomain("example.org.", rr.Header().Name) {
			t.Errorf("not of the zone: %s", rr)
		}
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("%v in\n%s", err, zone)
	}
	want := map[string]int{"MX": 1, "A": 1, "AAAA": 1, "TXT": 6, "SRV": 6}
	if !maps.Equal(types, want) {
		t.Errorf("types %v, want %v", types, want)
	}
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
