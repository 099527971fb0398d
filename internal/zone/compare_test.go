package zone_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
	"postroom/internal/zone"
)

// world publishes the records, but those for which not tells so, and more.
func world(t *testing.T, records []zone.Record, not func(zone.Record) bool, more ...string) (*dnstest.Server, *dns.Client) {
	t.Helper()
	s := dnstest.New(t)
	for _, r := range records {
		if not == nil || !not(r) {
			s.Add(r.Zone)
		}
	}
	s.Add(more...)
	c, err := dns.New(dns.Config{Servers: []string{s.Addr()}, Timeout: 300 * time.Millisecond, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// bad gives what is not ok, as "state TYPE name".
func bad(results []zone.Result) (out []string) {
	for _, r := range results {
		if r.State != zone.OK {
			out = append(out, fmt.Sprintf("%s %s %s", r.State, r.Type, r.Name))
		}
	}
	return out
}

func TestAllPublished(t *testing.T) {
	f := facts(t)
	records := zone.Records(f)
	_, c := world(t, records, nil)
	if b := bad(zone.Compare(t.Context(), c, f, records)); len(b) != 0 {
		t.Errorf("%v", b)
	}
}

// TestEachMissing takes one record away at a time: that one is missing, and no
// other is said to be.
func TestEachMissing(t *testing.T) {
	f := facts(t)
	records := zone.Records(f)
	for _, gone := range records {
		_, c := world(t, records, func(r zone.Record) bool { return r.Zone == gone.Zone })
		got := bad(zone.Compare(t.Context(), c, f, records))
		if !slices.Equal(got, []string{"missing " + gone.Type + " " + gone.Name}) {
			t.Errorf("without %s %s: %v", gone.Type, gone.Name, got)
		}
	}
}

// spoil gives a record of the same name and type that says something else.
func spoil(r zone.Record) string {
	switch r.Kind {
	case zone.SPF, zone.HostSPF:
		return r.Name + `. IN TXT "v=spf1 -all"`
	case zone.DKIM:
		return r.Name + `. IN TXT "v=DKIM1; p=b3RoZXI="`
	case zone.DMARC:
		return r.Name + `. IN TXT "v=DMARC1; p=rejekt"`
	case zone.MTASTS:
		return r.Name + `. IN TXT "v=STSv1; id=old;"`
	case zone.TLSRPT:
		return r.Name + `. IN TXT "v=TLSRPTv1; rua=postmaster"`
	}
	return r.Name + ". IN " + r.Type + " " + map[string]string{"MX": "10 elsewhere.test.", "A": "203.0.113.7", "AAAA": "2001:db8:7::1",
		"PTR": "elsewhere.test.", "CNAME": "elsewhere.test.", "SRV": "0 0 1 elsewhere.test.", "CAA": `0 issue "other.test"`,
		"TLSA": "3 1 1 " + strings.Repeat("00", 32)}[r.Type]
}

// TestEachWrong makes one record another at a time.
func TestEachWrong(t *testing.T) {
	f := facts(t)
	records := zone.Records(f)
	for _, wrong := range records {
		_, c := world(t, records, func(r zone.Record) bool { return r.Zone == wrong.Zone }, spoil(wrong))
		results := zone.Compare(t.Context(), c, f, records)
		if got := bad(results); !slices.Equal(got, []string{"different " + wrong.Type + " " + wrong.Name}) {
			t.Errorf("with %s: %v", spoil(wrong), got)
		}
		for _, r := range results {
			if r.State == zone.Different && len(r.Found) != 1 {
				t.Errorf("%s: found %q", r.Name, r.Found)
			}
		}
	}
}

// TestUnanswered: a DNS that cannot say is neither a missing nor a present
// record.
func TestUnanswered(t *testing.T) {
	f := facts(t)
	records := zone.Records(f)
	for _, how := range []dnstest.Failure{dnstest.ServFail, dnstest.Refused, dnstest.Silent} {
		s, c := world(t, records, nil)
		s.Fail(".", how)
		for _, r := range zone.Compare(t.Context(), c, f, records) {
			if r.State != zone.Unanswered || r.Level() == zone.LevelOK || r.Level() == zone.LevelNote {
				t.Errorf("%s %s: %s, %s", r.Type, r.Name, r.State, r.Level())
			}
		}
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		need  zone.Need
		state zone.State
		want  zone.Level
	}{
		{zone.Required, zone.OK, zone.LevelOK}, {zone.Required, zone.Missing, zone.LevelError}, {zone.Required, zone.Different, zone.LevelError},
		{zone.Required, zone.Unanswered, zone.LevelError}, {zone.Recommended, zone.Missing, zone.LevelWarning},
		{zone.Recommended, zone.Different, zone.LevelError}, {zone.Recommended, zone.Unanswered, zone.LevelWarning},
		{zone.Optional, zone.Missing, zone.LevelNote}, {zone.Optional, zone.Different, zone.LevelWarning}, {zone.Optional, zone.Unanswered, zone.LevelWarning},
	} {
		if got := (zone.Result{Record: zone.Record{Need: c.need}, State: c.state}).Level(); got != c.want {
			t.Errorf("%s %s: %s", c.need, c.state, got)
		}
	}
}

// TestOtherWords: what says the same otherwise is ok, and what only looks alike
// is not.
func TestOtherWords(t *testing.T) {
	for name, c := range map[string]struct {
		kind  zone.Kind
		zone  []string
		state zone.State
		about string
	}{
		"SPF by address":       {zone.SPF, []string{`example.test. IN TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip4:198.51.100.9 ~all"`}, zone.OK, ""},
		"SPF by include":       {zone.SPF, []string{`example.test. IN TXT "V=SPF1 include:spf.test -all"`, `spf.test. IN TXT "v=spf1 ip4:192.0.2.1 ip4:198.51.100.9 -all"`}, zone.OK, ""},
		"SPF lacks a sender":   {zone.SPF, []string{`example.test. IN TXT "v=spf1 a:mail.example.test ~all"`}, zone.Different, "198.51.100.9 gets softfail"},
		"SPF twice":            {zone.SPF, []string{`example.test. IN TXT "v=spf1 mx -all"`, `example.test. IN TXT "v=spf1 a -all"`}, zone.Different, "several"},
		"SPF misspelt":         {zone.SPF, []string{`example.test. IN TXT "v=spf1 ipv4:192.0.2.1 -all"`}, zone.Different, "syntax error"},
		"other TXT alone":      {zone.SPF, []string{`example.test. IN TXT "site-verification=1"`}, zone.Missing, "none is for SPF"},
		"other TXT beside":     {zone.SPF, []string{`example.test. IN TXT "site-verification=1"`, `example.test. IN TXT "v=spf1 mx ip4:198.51.100.9 -all"`}, zone.OK, ""},
		"null MX":              {zone.MX, []string{"example.test. IN MX 0 ."}, zone.Different, "takes no mail"},
		"a second MX":          {zone.MX, []string{"example.test. IN MX 5 mail.example.test.", "example.test. IN MX 20 b.test.", "b.test. IN A 203.0.113.9"}, zone.OK, ""},
		"a dead second MX":     {zone.MX, []string{"example.test. IN MX 5 mail.example.test.", "example.test. IN MX 20 b.test."}, zone.Different, "b.test has no address"},
		"an alias as MX":       {zone.MX, []string{"example.test. IN MX 5 mail.example.test.", "example.test. IN MX 20 b.test.", "b.test. IN CNAME mail.example.test."}, zone.Different, "alias"},
		"a stricter DMARC":     {zone.DMARC, []string{`_dmarc.example.test. IN TXT "v=DMARC1;p=reject; sp=quarantine;rua=mailto:d@x.test"`}, zone.OK, ""},
		"DMARC without policy": {zone.DMARC, []string{`_dmarc.example.test. IN TXT "v=DMARC1; rua=mailto:d@x.test"`}, zone.Different, "no policy"},
		"DMARC twice":          {zone.DMARC, []string{`_dmarc.example.test. IN TXT "v=DMARC1; p=none"`, `_dmarc.example.test. IN TXT "v=DMARC1; p=reject"`}, zone.Different, "several"},
		"MTA-STS, other tags":  {zone.MTASTS, []string{`_mta-sts.example.test. IN TXT "v=STSv1;x=y ; id=20260101"`}, zone.OK, ""},
		"MTA-STS misspelt":     {zone.MTASTS, []string{`_mta-sts.example.test. IN TXT "v=STSv1; id = 20260101;"`}, zone.Different, "cannot read"},
		"MTA-STS twice":        {zone.MTASTS, []string{`_mta-sts.example.test. IN TXT "v=STSv1; id=20260101;"`, `_mta-sts.example.test. IN TXT "v=STSv1; id=1;"`}, zone.Different, "several"},
		"a revoked key":        {zone.DKIM, []string{`r1._domainkey.example.test. IN TXT "v=DKIM1; p="`}, zone.Different, "revoked"},
		"the key, other tags":  {zone.DKIM, []string{`r1._domainkey.example.test. IN TXT "v=DKIM1; t=s; h=sha256; p=` + strings.Repeat("cnNh", 40) + `" "` + strings.Repeat("cnNh", 58) + `"`}, zone.OK, ""},
		"SRV, other weights":   {zone.SRV, []string{"_submissions._tcp.example.test. IN SRV 10 0 465 mail.example.test."}, zone.OK, ""},
		"SRV, other port":      {zone.SRV, []string{"_submissions._tcp.example.test. IN SRV 0 1 587 mail.example.test."}, zone.Different, ""},
		"addresses, no alias":  {zone.Autoconfig, []string{"autoconfig.example.test. IN A 192.0.2.1"}, zone.OK, ""},
		"another's address":    {zone.Autoconfig, []string{"autoconfig.example.test. IN A 203.0.113.1"}, zone.Different, "another server"},
		"a stray address":      {zone.Address, []string{"mail.example.test. IN A 192.0.2.1", "mail.example.test. IN A 203.0.113.1"}, zone.Different, "203.0.113.1"},
		"CAA of the parent":    {zone.CAA, []string{`example.test. IN CAA 0 issue "letsencrypt.org; validationmethods=http-01"`}, zone.OK, ""},
		"CAA forbids above":    {zone.CAA, []string{`example.test. IN CAA 0 issue ";"`}, zone.Different, "CAA records of example.test forbid"},
		"CAA of mail only":     {zone.CAA, []string{`mail.example.test. IN CAA 0 iodef "mailto:x@example.test"`}, zone.Missing, ""},
		"a key of another":     {zone.TLSA, []string{"_25._tcp.mail.example.test. IN TLSA 3 1 1 " + strings.Repeat("00", 32)}, zone.Different, "without DNSSEC"},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(t)
			records := zone.Records(f)
			i := slices.IndexFunc(records, func(r zone.Record) bool { return r.Kind == c.kind })
			_, r := world(t, records, func(r zone.Record) bool {
				return r.Kind == c.kind || (c.kind == zone.SPF && r.Kind == zone.HostSPF)
			}, c.zone...)
			got := zone.Compare(t.Context(), r, f, records[i:i+1])[0]
			if got.State != c.state || !strings.Contains(got.About, c.about) {
				t.Errorf("%s (%s), found %q; want %s (%s)", got.State, got.About, got.Found, c.state, c.about)
			}
		})
	}
}

// TestOrganizationsPolicy: a subdomain needs no DMARC record of its own.
func TestOrganizationsPolicy(t *testing.T) {
	f := facts(t)
	f.Domain = "sales.example.test"
	_, c := world(t, nil, nil, `_dmarc.example.test. IN TXT "v=DMARC1; p=reject"`)
	records := zone.Records(f)
	i := slices.IndexFunc(records, func(r zone.Record) bool { return r.Kind == zone.DMARC })
	if got := zone.Compare(t.Context(), c, f, records[i:i+1])[0]; got.State != zone.OK || !strings.Contains(got.About, "example.test holds") {
		t.Errorf("%s (%s)", got.State, got.About)
	}
}

// TestTLSAUnderDNSSEC: a wrong one stops mail of senders with DANE only where
// the zone is signed.
func TestTLSAUnderDNSSEC(t *testing.T) {
	f := facts(t)
	records := zone.Records(f)
	i := slices.IndexFunc(records, func(r zone.Record) bool { return r.Kind == zone.TLSA })
	name := mdns.Fqdn(records[i].Name)
	rr, err := mdns.NewRR(name + " IN TLSA 3 1 1 " + strings.Repeat("00", 32))
	if err != nil {
		t.Fatal(err)
	}
	got := zone.Compare(t.Context(), signed{rr: rr}, f, records[i:i+1])[0]
	if got.State != zone.Different || got.Level() != zone.LevelError {
		t.Errorf("wrong: %s, %s", got.State, got.Level())
	}
	if rr, err = mdns.NewRR(records[i].Zone); err != nil {
		t.Fatal(err)
	}
	if got := zone.Compare(t.Context(), signed{rr: rr}, f, records[i:i+1])[0]; got.State != zone.OK || got.About != "" {
		t.Errorf("right: %s (%s)", got.State, got.About)
	}
}
