// Package twoservers lets two instances mail each other through MX look-up in
// a DNS of the test's own.
package twoservers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

// pair is two companies and the DNS between them.
type pair struct {
	dns  *dnstest.Server
	txt  map[string][]string
	a, b *testbed.Instance
}

// newPair starts a.example on 127.0.1.1 and b.example on 127.0.2.1.
func newPair(t *testing.T) *pair {
	p := &pair{dns: dnstest.New(t), txt: map[string][]string{}}
	port, err := testbed.CommonPort("127.0.1.1", "127.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	start := func(domain, host string) *testbed.Instance {
		p.dns.Add(domain+". 60 IN MX 10 mx."+domain+".", "mx."+domain+". 60 IN A "+host)
		i := testbed.Company(t, testbed.Options{Hostname: "mx." + domain, Host: host, DNS: p.dns.Addr(), Relay: port,
			Settings: "lift_limits = true"}, domain, "user")
		p.publishDKIM(t, i, domain)
		return i
	}
	p.a, p.b = start("a.example", "127.0.1.1"), start("b.example", "127.0.2.1")
	return p
}

func (p *pair) publishDKIM(t *testing.T, i *testbed.Instance, domain string) {
	t.Helper()
	out, err := i.CLI("", "dkim", domain, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var records []struct{ Name, Value string }
	if err := json.Unmarshal([]byte(out), &records); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(records) != 2 {
		t.Fatalf("%d DKIM records, want RSA and Ed25519: %s", len(records), out)
	}
	for _, r := range records {
		p.txt[strings.TrimSuffix(r.Name, ".")] = []string{r.Value}
	}
}

// messages gives what stands in user's INBOX.
func messages(t *testing.T, i *testbed.Instance, domain string) [][]byte {
	t.Helper()
	c, err := i.IMAPS("user@"+domain, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, _, err := c.Select("INBOX"); err != nil || n == 0 {
		return nil
	}
	ms, err := c.Fetch("1:*")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, m := range ms {
		out = append(out, m.Body)
	}
	return out
}

func submit(t *testing.T, i *testbed.Instance, from, to, subject string) {
	t.Helper()
	msg := fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\nHello.\r\n", from, to, subject)
	r, err := i.Submit(from, testbed.Password, []string{to}, []byte(msg))
	if err != nil || r.Err() != nil {
		t.Fatalf("%s: %v %v", subject, r, err)
	}
}

// want counts subjects in an INBOX: each exactly once.
func want(t *testing.T, i *testbed.Instance, domain string, subjects ...string) {
	t.Helper()
	err := testbed.Until(t.Context(), time.Minute, func() error {
		got := messages(t, i, domain)
		if len(got) < len(subjects) {
			return fmt.Errorf("%d of %d messages are there", len(got), len(subjects))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := messages(t, i, domain)
	for _, s := range subjects {
		n := 0
		for _, m := range got {
			if bytes.Contains(m, []byte("Subject: "+s+"\r\n")) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q is there %d times", s, n)
		}
	}
	if len(got) != len(subjects) {
		t.Errorf("%d messages, want %d", len(got), len(subjects))
	}
}

func TestBothWaysWithDKIM(t *testing.T) {
	p := newPair(t)
	submit(t, p.a, "user@a.example", "user@b.example", "from a")
	submit(t, p.b, "user@b.example", "user@a.example", "from b")
	want(t, p.b, "b.example", "from a")
	want(t, p.a, "a.example", "from b")
	p.verify(t, p.b, "b.example", "a.example")
	p.verify(t, p.a, "a.example", "b.example")
}

// verify checks both signatures of what arrived at domain.
func (p *pair) verify(t *testing.T, i *testbed.Instance, at, signer string) {
	t.Helper()
	for _, m := range messages(t, i, at) {
		vs, err := dkim.VerifyWithOptions(bytes.NewReader(m), &dkim.VerifyOptions{
			LookupTXT: func(name string) ([]string, error) {
				if v, ok := p.txt[name]; ok {
					return v, nil
				}
				return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
			}})
		if err != nil || len(vs) != 2 {
			t.Fatalf("%d signatures, %v, in %s", len(vs), err, m)
		}
		for _, v := range vs {
			if v.Err != nil || v.Domain != signer {
				t.Errorf("signature of %s: %v", v.Domain, v.Err)
			}
		}
	}
}

func TestOneServerIsAwayForAWhile(t *testing.T) {
	p := newPair(t)
	if err := p.b.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for n := range 20 {
		s := fmt.Sprintf("while away %d", n)
		subjects = append(subjects, s)
		submit(t, p.a, "user@a.example", "user@b.example", s)
	}
	err := testbed.Until(t.Context(), time.Minute, func() error {
		out, err := p.a.CLI("", "queue", "list", "--json")
		if err != nil {
			return err
		}
		if n := strings.Count(out, `"user@b.example"`); n < len(subjects) {
			return fmt.Errorf("%d of them in the queue: %s", n, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.a.CLI("", "queue", "retry", "--all"); err != nil {
		t.Fatal(err)
	}
	want(t, p.b, "b.example", subjects...)
	out, err := p.a.CLI("", "queue", "list", "--json")
	if err != nil || strings.Contains(out, "b.example") {
		t.Errorf("the queue still holds something: %s %v", out, err)
	}
}
