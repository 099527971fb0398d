package dns

import (
	"net"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

func TestDNS(t *testing.T) {
	w := newWorld(t)
	t.Run("all is well", w.allIsWell)
	t.Run("the zone file", w.zoneFile)
	t.Run("each record missing", w.eachMissing)
	t.Run("each record wrong", w.eachWrong)
	t.Run("a DNS that does not answer", w.doesNotAnswer)
	t.Run("an open relay", w.openRelay)
	t.Run("a block list", w.blockList)
	t.Run("port 25 outward", w.outward)
	t.Run("reverse names", w.reverse)
}

func (w *world) allIsWell(t *testing.T) {
	for _, args := range [][]string{{domain}, {"--all"}} {
		got, code := w.check(t, args...)
		compared := 0
		for _, f := range got {
			if f.Record != nil {
				compared++
			}
			if f.Level == "error" || (f.Level == "warning" && f.Area != "certificate") { // which is self-signed
				t.Errorf("check %v: %+v", args, f)
			}
		}
		if code != 0 || compared != len(w.records) {
			t.Errorf("check %v: status %d, %d of %d records", args, code, compared, len(w.records))
		}
		for _, area := range []string{"clock", "reverse name", "block lists", "outward", "open relay"} {
			if len(in(got, area)) == 0 {
				t.Errorf("check %v says nothing of %s", args, area)
			}
		}
		if r := in(got, "open relay"); len(r) > 0 && !strings.Contains(r[0].Text, "asked from this machine") {
			t.Errorf("it does not say from where it asked: %s", r[0].Text)
		}
	}
	if _, code := w.check(t); code != 0 {
		t.Errorf("check without a domain: status %d", code)
	}
}

// zoneFile: what a pipe gets holds the records that --json gives, but those
// that are no matter of the zone.
func (w *world) zoneFile(t *testing.T) {
	out, err := w.CLI("", append([]string{"dns", domain}, byACME...)...)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	p := mdns.NewZoneParser(strings.NewReader(out), domain+".", "")
	for _, ok := p.Next(); ok; _, ok = p.Next() {
		n++
	}
	if err := p.Err(); err != nil || n != len(w.records)-2 { // PTR and TLSA
		t.Errorf("%d of %d records, %v:\n%s", n, len(w.records), err, out)
	}
}

// broken checks that exactly one record is complained of, with what breaks, and
// that the exit status tells whether it was needed.
func (w *world) broken(t *testing.T, state string, r record) {
	t.Helper()
	got, code := w.check(t, domain)
	names, at := notOK(got)
	if len(names) != 1 || names[0] != state+" "+r.Type+" "+r.Name {
		t.Errorf("%s %s %s: check says %q", state, r.Type, r.Name, names)
		return
	}
	if r.Breaks == "" || !strings.Contains(at[0].Hint, r.Breaks) {
		t.Errorf("%s %s %s: it does not say what breaks: %s", state, r.Type, r.Name, at[0].Hint)
	}
	if at[0].Level == "error" && code != 1 || r.Need == "required" && at[0].Level != "error" || at[0].Level == "ok" {
		t.Errorf("%s %s %s (%s): level %s, status %d", state, r.Type, r.Name, r.Need, at[0].Level, code)
	}
}

func (w *world) eachMissing(t *testing.T) {
	for i, r := range w.records {
		w.publish(w.without(i), others...)
		w.broken(t, "missing", r)
	}
	w.publish(w.records, others...)
}

func (w *world) eachWrong(t *testing.T) {
	for i, r := range w.records {
		w.publish(w.without(i), append([]string{wrong(r)}, others...)...)
		w.broken(t, "different", r)
	}
	w.publish(w.records, others...)
}

// wrong gives a record that leads or speaks otherwise.
func wrong(r record) string {
	if r.Type == "TXT" {
		return r.Name + ". IN TXT " + map[string]string{"spf": `"v=spf1 -all"`, "host-spf": `"v=spf1 -all"`, "dkim": `"v=DKIM1; p=b3RoZXI="`,
			"dmarc": `"v=DMARC1; p=later"`, "tlsrpt": `"v=TLSRPTv1; rua=nobody"`,
			"mta-sts": `"v=STSv1; id=old;"`}[r.Kind]
	}
	return r.Name + ". IN " + r.Type + " " + map[string]string{"MX": "10 elsewhere.test.", "A": "127.0.0.2", "PTR": "elsewhere.test.", "CNAME": "elsewhere.test.", "CAA": `0 issue "other.test"`,
		"SRV": "0 0 1 elsewhere.test.", "TLSA": "3 1 1 " + strings.Repeat("00", 32)}[r.Type]
}

// doesNotAnswer: SERVFAIL is not NXDOMAIN.
func (w *world) doesNotAnswer(t *testing.T) {
	const dmarc = "_dmarc." + domain
	w.dns.Fail(dmarc, dnstest.ServFail)
	defer w.dns.Fail(dmarc, dnstest.None)
	got, _ := w.check(t, domain)
	if names, at := notOK(got); len(names) != 1 || names[0] != "unanswered TXT "+dmarc || !strings.Contains(at[0].Text, "cannot be looked up for now") {
		t.Errorf("SERVFAIL: %q", names)
	}
	w.dns.Fail(dmarc, dnstest.None)
	w.dns.Fail(".", dnstest.Refused)
	got, code := w.check(t, domain)
	if f := in(got, "dns"); code != 1 || len(f) != 1 || !strings.Contains(f[0].Text, "no DNS server answers") {
		t.Errorf("nothing answers: %d %+v", code, f)
	}
	w.dns.Fail(".", dnstest.None)
	w.dns.Remove(dmarc)
	defer w.publish(w.records, others...)
	got, _ = w.check(t, domain)
	if names, at := notOK(got); len(names) != 1 || names[0] != "missing TXT "+dmarc || !strings.Contains(at[0].Text, "no such name") {
		t.Errorf("NXDOMAIN: %q", names)
	}
}

// openRelay: a server that takes everything stands where the MX leads.
func (w *world) openRelay(t *testing.T) {
	a, err := testbed.FreePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	sink, err := testbed.NewSink(a)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	_, port, _ := net.SplitHostPort(a)
	got, code := w.check(t, domain, "--set", "relay_port="+port)
	open := in(got, "open relay")
	if code != 1 || len(open) < 5 {
		t.Errorf("status %d, %+v", code, open)
	}
	for _, f := range open {
		if f.Level != "error" || !strings.Contains(f.Text, "takes mail for strangers") {
			t.Errorf("%+v", f)
		}
	}
	if n := len(sink.Counts()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

func (w *world) blockList(t *testing.T) {
	w.dns.Add("1.0.0.127.bl.test. IN A 127.0.0.2") // our address is the test point that none may list
	got, _ := w.check(t, domain)
	if f := in(got, "block lists"); len(f) != 1 || f[0].Level != "note" || !strings.Contains(f[0].Text, "as if it listed everybody") {
		t.Errorf("a list of everybody: %+v", f)
	}
	w.dns.Remove("1.0.0.127.bl.test")
	w.dns.Add("9.0.0.127.bl.test. IN A 127.0.0.4", `9.0.0.127.bl.test. IN TXT "see bl.test"`)
	defer w.dns.Remove("9.0.0.127.bl.test")
	got, code := w.check(t, domain, "--set", "public_addresses=127.0.0.9")
	if f := in(got, "block lists"); code != 1 || len(f) != 1 || f[0].Level != "error" || !strings.Contains(f[0].Text, "127.0.0.9 is listed by bl.test [127.0.0.4]: see bl.test") {
		t.Errorf("listed: %d %+v", code, f)
	}
}

// outward: a provider's MX that refuses, and one that connects and is silent.
func (w *world) outward(t *testing.T) {
	silent, err := net.Listen("tcp", addr("127.0.0.2", w.port))
	if err != nil {
		t.Fatal(err)
	}
	w.dns.Remove("mx.far.test")
	w.dns.Add("mx.far.test. IN A 127.0.0.2")
	defer w.publish(w.records, others...)
	blocked := func(how string) {
		began := time.Now()
		got, code := w.check(t, domain)
		f := in(got, "outward")
		if code != 1 || len(f) != 1 || f[0].Level != "error" || !strings.Contains(f[0].Text, "port 25 outward seems blocked") || !strings.Contains(f[0].Hint, "smarthost") {
			t.Errorf("%s: %d %+v", how, code, f)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s: it took %v", how, d)
		}
	}
	blocked("silent")
	silent.Close()
	blocked("refused")
}

func (w *world) reverse(t *testing.T) {
	const ptr = "1.0.0.127.in-addr.arpa"
	defer w.publish(w.records, others...)
	for name, want := range map[string]string{"": "127.0.0.1 has no name", "elsewhere.test": "does not lead back", "127-0-0-1.pool.test": "as addresses of access networks are"} {
		w.dns.Remove(ptr)
		w.dns.Remove(name)
		if name != "" {
			w.dns.Add(ptr + ". IN PTR " + name + ".")
		}
		if strings.HasSuffix(name, "pool.test") {
			w.dns.Add(name + ". IN A 127.0.0.1")
		}
		got, _ := w.check(t, domain)
		if f := in(got, "reverse name"); len(f) != 1 || !strings.Contains(f[0].Text, want) {
			t.Errorf("%q: %+v", name, f)
		}
	}
}
