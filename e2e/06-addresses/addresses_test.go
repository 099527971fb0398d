// Package addresses tries every way an address can lead somewhere, with the
// built program: several domains, further addresses, aliases, catch-all, tags,
// postmaster, and internationalized addresses from the command line to a DSN.
package addresses

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

const host = "127.0.6.1"

// town is one instance, with an old and a new server outside.
type town struct {
	*testbed.Instance
	old, modern *testbed.Outside
}

func newTown(t *testing.T) *town {
	dns := dnstest.New(t)
	port, err := testbed.CommonPort(host, "127.0.6.2", "127.0.6.3")
	if err != nil {
		t.Fatal(err)
	}
	tn := &town{old: &testbed.Outside{}, modern: &testbed.Outside{UTF8: true, DSN: true}}
	for name, o := range map[string]*testbed.Outside{"127.0.6.2": tn.old, "127.0.6.3": tn.modern} {
		o.Listen(t, fmt.Sprintf("%s:%d", name, port))
	}
	dns.Add("old.example. 60 IN MX 10 mx.old.example.", "mx.old.example. 60 IN A 127.0.6.2",
		"new.example. 60 IN MX 10 mx.new.example.", "mx.new.example. 60 IN A 127.0.6.3",
		"xn--mller-kva.example. 60 IN MX 10 mx.new.example.")
	tn.Instance = testbed.Company(t, testbed.Options{Host: host, DNS: dns.Addr(), Relay: port, Settings: "lift_limits = true"},
		"example.test", "alice", "bob")
	tn.Company(t, "second.test", "carol")
	tn.do(t, "domain", "add", "bücher.example")
	tn.importUser(t)
	return tn
}

// do runs the command line, which must succeed.
func (tn *town) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tn.CLI("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// receive sends a message from outside by port 25 and gives the last reply.
func (tn *town) receive(t *testing.T, to, mark, params string) client.Reply {
	t.Helper()
	c, _, err := client.DialSMTP(tn.Ports.SMTP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"EHLO outside.example", "MAIL FROM:<sender@new.example>" + params, "RCPT TO:<" + to + ">", "DATA"} {
		r, err := c.Cmd("%s", cmd)
		if err != nil {
			t.Fatal(err)
		}
		if r.Err() != nil {
			return r
		}
	}
	r, err := c.Cmd("From: sender@new.example\r\nTo: <%s>\r\nSubject: %s\r\n\r\nHello.\r\n.", to, mark)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAddresses shares one instance, since each takes seconds to make.
func TestAddresses(t *testing.T) {
	tn := newTown(t)
	for name, run := range map[string]func(*testing.T, *town){
		"where they lead":                  whereTheyLead,
		"the command line spells them":     commandLineSpellsThem,
		"wide mail comes in":               wideMailComesIn,
		"a mailbox has two spellings":      mailboxOfTwoSpellings,
		"wide mail goes out or comes back": wideMailGoesOutOrComesBack,
		"a report names a wide recipient":  reportNamesWideRecipient,
	} {
		t.Run(name, func(t *testing.T) { run(t, tn) })
	}
}

func whereTheyLead(t *testing.T, tn *town) {
	tn.do(t, "account", "add-address", "alice@example.test", "A.Lice@second.test")
	tn.do(t, "domain", "add", "empty.test")
	tn.do(t, "alias", "add", "team@example.test", "alice@example.test", "bob@example.test", "partner@new.example")
	tn.do(t, "alias", "add", "everybody@example.test", "team@example.test", "carol@second.test")
	tn.do(t, "alias", "add", "*@second.test", "bob@example.test")
	tn.do(t, "account", "rename", "carol@second.test", "caroline@second.test")
	people := map[string]string{"alice": "alice@example.test", "bob": "bob@example.test", "carol": "caroline@second.test"}

	cases := []struct {
		to   string
		want string // people, comma separated; or the reply
		out  bool   // partner@new.example, too
	}{
		{to: "alice@example.test", want: "alice"},
		{to: "ALICE@Example.TEST", want: "alice"},
		{to: "alice+lists@example.test", want: "alice"},
		{to: "a.lice@second.test", want: "alice"},
		{to: "a.lice+x@second.test", want: "alice"},
		{to: "team@example.test", want: "alice,bob", out: true},
		{to: "team+q1@example.test", want: "alice,bob", out: true},
		{to: "everybody@example.test", want: "alice,bob,carol", out: true},
		{to: "carol@second.test", want: "carol"},
		{to: "caroline@second.test", want: "carol"},
		{to: "whoever@second.test", want: "bob"},
		{to: "postmaster@example.test", want: "alice"},
		{to: "abuse@example.test", want: "alice"},
		{to: "Postmaster@second.test", want: "bob"}, // the catch-all
		{to: "postmaster@bücher.example", want: "553 5.6.7"},
		{to: "postmaster@empty.test", want: "alice"}, // the oldest of all
		{to: "postmaster", want: "alice"},
		{to: "abuse@mail.test", want: "alice"}, // the host's own name
		{to: "nobody@example.test", want: "550 5.1.1"},
		{to: "someone@new.example", want: "550 5.7.1"},
		{to: "alice%new.example@example.test", want: "550 5.7.1"},
	}
	relayed, before := map[string]bool{}, len(tn.modern.Arrived())
	for n, c := range cases {
		r := tn.receive(t, c.to, fmt.Sprintf("case-%02d", n), "")
		if got := fmt.Sprintf("%d %s", r.Code, r.Text); c.want[0] >= '0' && c.want[0] <= '9' {
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %s, want %s", c.to, got, c.want)
			}
			continue
		}
		if r.Err() != nil {
			t.Errorf("%s: %v", c.to, r)
		}
		if c.out {
			relayed[fmt.Sprintf("case-%02d", n)] = true
		}
	}
	got := map[string][]string{} // by subject
	for _, name := range []string{"alice", "bob", "carol"} {
		for _, m := range tn.Mailbox(t, people[name], "INBOX") {
			s := subject(m)
			got[s] = append(got[s], name)
		}
	}
	for n, c := range cases {
		s := fmt.Sprintf("case-%02d", n)
		if c.want[0] >= '0' && c.want[0] <= '9' {
			c.want = ""
		}
		if who := strings.Join(got[s], ","); who != c.want {
			t.Errorf("%s went to %q, want %q", c.to, who, c.want)
		}
	}
	for n := range relayed {
		tn.modern.Await(t, before+len(relayed))
		if !slices.ContainsFunc(tn.modern.Arrived(), func(a testbed.Arrival) bool {
			return subject(a.Octets) == n && slices.Equal(a.To, []string{"partner@new.example"}) &&
				strings.HasPrefix(a.Sender, "SRS0=") && strings.HasSuffix(a.Sender, "=new.example=sender@example.test")
		}) {
			t.Errorf("%s has not gone out", n)
		}
	}
	if out := tn.do(t, "queue", "list"); out != "" {
		t.Errorf("left in the queue: %s", out)
	}
}

func subject(m []byte) string {
	_, s, _ := strings.Cut(string(m), "Subject: ")
	s, _, _ = strings.Cut(s, "\r\n")
	return s
}
