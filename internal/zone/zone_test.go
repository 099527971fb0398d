package zone_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"net/netip"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"postroom/internal/dns"
	"postroom/internal/mail"
	"postroom/internal/zone"
)

// facts are those of a server that does everything.
func facts(t *testing.T) zone.Facts {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return zone.Facts{Domain: "example.test", MTASTS: "20260101", Keys: []mail.DKIMKey{
		{Domain: "example.test", Selector: "r1", Algorithm: mail.DKIMRSA, Public: []byte(strings.Repeat("rsa", 98))},
		{Domain: "example.test", Selector: "e1", Algorithm: mail.DKIMEd25519, Public: []byte(strings.Repeat("e", 32))}},
		Host: zone.Host{Name: "mail.example.test",
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
			Outgoing:  []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.9")},
			Ports:     zone.Ports{SMTP: 25, Submissions: 465, Submission: 587, IMAPS: 993, HTTPS: 443},
			Leaf:      leaf, ACMEDirectory: "https://acme-v02.api.letsencrypt.org/directory"}}
}

// TestRecords: the whole list, each line a record that a DNS server reads.
func TestRecords(t *testing.T) {
	f := facts(t)
	sum := sha256.Sum256(f.Host.Leaf.RawSubjectPublicKeyInfo)
	want := []string{
		"required example.test MX 10 mail.example.test.",
		"required mail.example.test A 192.0.2.1",
		"required mail.example.test AAAA 2001:db8::1",
		"required 1.2.0.192.in-addr.arpa PTR mail.example.test.",
		"required 9.100.51.198.in-addr.arpa PTR mail.example.test.",
		"required 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR mail.example.test.",
		"required example.test TXT v=spf1 mx ip4:198.51.100.9 -all",
		"required r1._domainkey.example.test TXT v=DKIM1; k=rsa; p=" + strings.Repeat("cnNh", 98),
		"recommended e1._domainkey.example.test TXT v=DKIM1; k=ed25519; p=ZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWU=",
		"recommended _dmarc.example.test TXT v=DMARC1; p=none; rua=mailto:postmaster@example.test",
		"recommended mail.example.test TXT v=spf1 a ip4:198.51.100.9 -all",
		"optional _mta-sts.example.test TXT v=STSv1; id=20260101;",
		"optional mta-sts.example.test CNAME mail.example.test.",
		"optional _smtp._tls.example.test TXT v=TLSRPTv1; rua=mailto:postmaster@example.test",
		"optional _submissions._tcp.example.test SRV 0 1 465 mail.example.test.",
		"optional _imaps._tcp.example.test SRV 1 1 993 mail.example.test.",
		"optional _submission._tcp.example.test SRV 2 1 587 mail.example.test.",
		"optional _imap._tcp.example.test SRV 0 0 0 .",
		"optional _pop3s._tcp.example.test SRV 0 0 0 .",
		"optional _pop3._tcp.example.test SRV 0 0 0 .",
		"optional autoconfig.example.test CNAME mail.example.test.",
		"optional autodiscover.example.test CNAME mail.example.test.",
		"optional _autodiscover._tcp.example.test SRV 0 1 443 mail.example.test.",
		"optional _25._tcp.mail.example.test TLSA 3 1 1 " + hex.EncodeToString(sum[:]),
		`optional mail.example.test CAA 0 issue "letsencrypt.org"`,
	}
	records := zone.Records(f)
	for i, r := range records {
		got := string(r.Need) + " " + r.Name + " " + r.Type + " " + r.Value
		if i >= len(want) || got != want[i] {
			t.Errorf("record %d: %s", i, got)
		}
		if r.Why == "" || r.Breaks == "" {
			t.Errorf("%s %s does not say why it is there and what breaks", r.Type, r.Name)
		}
		rr, err := mdns.NewRR(r.Zone)
		if err != nil || rr.Header().Name != r.Name+"." || mdns.TypeToString[rr.Header().Rrtype] != r.Type {
			t.Errorf("%s: %v", r.Zone, err)
			continue
		}
		if txt, ok := rr.(*mdns.TXT); ok && dns.Text(txt) != r.Value {
			t.Errorf("%s reads as %q", r.Zone, dns.Text(txt))
		}
	}
	if len(records) != len(want) {
		t.Errorf("%d records, want %d", len(records), len(want))
	}
}

func TestRecordsOfLess(t *testing.T) {
	for name, c := range map[string]struct {
		facts zone.Facts
		want  string
		not   string
	}{
		"nothing is known":        {zone.Facts{Domain: "d.test", Host: zone.Host{Name: "m.test"}}, "v=spf1 mx -all", "TLSA CAA autoconfig mta-sts PTR _domainkey"},
		"the domain is the host":  {zone.Facts{Domain: "m.test", Host: zone.Host{Name: "m.test"}}, "v=spf1 mx -all", "v=spf1.a"},
		"a smarthost":             {zone.Facts{Domain: "d.test", Host: zone.Host{Name: "m.test", Smarthost: "relay.test"}}, "v=spf1 mx a:relay.test -all", ""},
		"an address as smarthost": {zone.Facts{Domain: "d.test", Host: zone.Host{Name: "m.test", Smarthost: "2001:db8::2"}}, "v=spf1 mx ip6:2001:db8::2 -all", ""},
		"policies":                {zone.Facts{Domain: "d.test", SPF: "~all", DMARC: "reject", Host: zone.Host{Name: "m.test"}}, "p=reject; v=spf1 mx ~all", ""},
		"an unknown authority":    {zone.Facts{Domain: "d.test", Host: zone.Host{Name: "m.test", ACMEDirectory: "https://ca.test/dir"}}, "", "CAA"},
	} {
		all := ""
		for _, r := range zone.Records(c.facts) {
			all += r.Zone + "\n"
		}
		for _, w := range strings.SplitAfter(c.want, "; ") {
			if !strings.Contains(all, w) {
				t.Errorf("%s: no %q in\n%s", name, w, all)
			}
		}
		for _, w := range strings.Fields(c.not) {
			if strings.Contains(all, strings.ReplaceAll(w, ".", " ")) {
				t.Errorf("%s: %q in\n%s", name, w, all)
			}
		}
	}
}

// TestTLSAIsAComment: whoever loads the file unread publishes no TLSA record.
func TestTLSAIsAComment(t *testing.T) {
	f := facts(t)
	var b strings.Builder
	if err := zone.WriteFile(&b, f.Domain, zone.Records(f)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "only with DNSSEC, and only while renewals keep the key:\n; _25._tcp.mail.example.test. IN TLSA ") {
		t.Errorf("%s", b.String())
	}
}

// TestFile: a DNS server loads the file, and it holds what is of the zone alone.
func TestFile(t *testing.T) {
	f := facts(t)
	f.Host.Name = "mail.other.test"
	var b strings.Builder
	if err := zone.WriteFile(&b, f.Domain, zone.Records(f)); err != nil {
		t.Fatal(err)
	}
	p := mdns.NewZoneParser(strings.NewReader(b.String()), "example.test.", "")
	n := 0
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		n++
		if !mdns.IsSubDomain("example.test.", rr.Header().Name) || rr.Header().Rrtype == mdns.TypeTLSA || rr.Header().Ttl != 3600 {
			t.Errorf("in the file: %s", rr)
		}
	}
	if err := p.Err(); err != nil || n != 17 {
		t.Errorf("%d records, %v in\n%s", n, err, b.String())
	}
	for _, comment := range []string{"\n; mail.other.test. IN A 192.0.2.1\n", "\n; 1.2.0.192.in-addr.arpa. IN PTR ", "\n; _25._tcp.mail.other.test. IN TLSA "} {
		if !strings.Contains(b.String(), comment) {
			t.Errorf("no comment %q", comment)
		}
	}
}
