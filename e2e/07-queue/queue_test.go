// Package queue drives mail that leaves with the built program: smarthosts,
// deferred mail and what an administrator does to it, reports to the sender,
// and a blocked port.
package queue

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
	"postroom/internal/tlsconf"
)

const (
	host  = "127.0.7.1"
	alice = "alice@example.test"
)

// office is one instance and the servers that its mail goes to.
type office struct {
	*testbed.Instance
	far     *testbed.Outside // MX of far.example, without DSN
	near    *testbed.Outside // MX of near.example, with DSN
	dns     *dnstest.Server
	certs   *tlsconf.Source
	nothing []string // domains whose MX swallows connections
}

func newOffice(t *testing.T) *office {
	o := &office{dns: dnstest.New(t), far: &testbed.Outside{}, near: &testbed.Outside{DSN: true}}
	port, err := testbed.CommonPort(host, "127.0.7.2", "127.0.7.3", "127.0.7.11", "127.0.7.12", "127.0.7.13")
	if err != nil {
		t.Fatal(err)
	}
	dir := testbed.Dir(t)
	if o.certs, err = tlsconf.New(tlsconf.Config{Dir: filepath.Join(dir, "tls"), Hostname: "smart.example"}); err != nil {
		t.Fatal(err)
	}
	o.far.Listen(t, fmt.Sprintf("127.0.7.2:%d", port))
	o.near.Listen(t, fmt.Sprintf("127.0.7.3:%d", port))
	o.dns.Add("far.example. 60 IN MX 10 mx.far.example.", "mx.far.example. 60 IN A 127.0.7.2",
		"near.example. 60 IN MX 10 mx.near.example.", "mx.near.example. 60 IN A 127.0.7.3",
		"nothing.example. 60 IN MX 0 .", "smart.example. 60 IN A 127.0.7.4", "other.example. 60 IN A 127.0.7.4")
	for n := 11; n <= 13; n++ {
		name := fmt.Sprintf("silent%d.example", n)
		o.dns.Add(fmt.Sprintf("%s. 60 IN A 127.0.7.%d", name, n))
		swallow(t, [4]byte{127, 0, 7, byte(n)}, port)
		o.nothing = append(o.nothing, name)
	}
	o.Instance = testbed.Company(t, testbed.Options{Host: host, DNS: o.dns.Addr(), Relay: port, Settings: "lift_limits = true",
		Env: []string{"SSL_CERT_FILE=" + o.certs.CAFile()}}, "example.test", "alice", "bob")
	return o
}

func (o *office) do(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, err := o.CLI(stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// submit sends as alice and gives the queue id; from and to may carry
// parameters.
func (o *office) submit(t *testing.T, from, to, subject string) string {
	t.Helper()
	cfg, err := o.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := client.DialSMTP(o.Ports.Submissions, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO laptop"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Auth(alice, testbed.Password); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	var r client.Reply
	for _, cmd := range []string{"MAIL FROM:" + from, "RCPT TO:" + to, "DATA", "From: " + alice + "\r\nSubject: " + subject + "\r\n\r\nHello.\r\n."} {
		if r, err = c.Cmd("%s", cmd); err != nil || r.Err() != nil {
			t.Fatal(cmd, r, err)
		}
	}
	return r.Text[strings.LastIndexByte(r.Text, ' ')+1:]
}

// entry is what `queue list --json` tells of one recipient.
type entry struct {
	ID, From, Recipient, State string
	Attempts                   int
	LastReply                  string `json:"last_reply"`
}

func (o *office) queued(t *testing.T, id string) []entry {
	t.Helper()
	var out []entry
	if err := json.Unmarshal([]byte(o.do(t, "", "queue", "list", id, "--json")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// await waits until the message stands as wanted; "" waits until it is gone.
func (o *office) await(t *testing.T, id, state string, attempts int) entry {
	t.Helper()
	var last entry
	err := testbed.Until(t.Context(), 40*time.Second, func() error {
		q := o.queued(t, id)
		if len(q) == 0 && state == "" {
			return nil
		}
		if len(q) == 1 {
			last = q[0]
			if last.State == state && last.Attempts >= attempts {
				return nil
			}
		}
		return fmt.Errorf("%s is %+v, not %q", id, q, state)
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestQueue(t *testing.T) {
	o := newOffice(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *office)
	}{
		{"deferred mail in an administrator's hands", deferred},
		{"reports", reports},
		{"no report for the null reverse-path", noReport},
		{"null MX", nullMX},
		{"smarthosts", smarthosts},
		{"a smarthost must have TLS and take the password", forcedTLS},
		{"a blocked port", blockedPort},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, o) })
	}
}

// busy refuses for now.
func busy(string) error {
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
}

func deferred(t *testing.T, o *office) {
	o.far.Refuse(busy)
	id := o.submit(t, "<"+alice+">", "<friend@far.example>", "later")
	e := o.await(t, id, "ready", 1)
	if !strings.Contains(e.LastReply, "451 4.7.1 greylisted") || e.From != alice || e.Recipient != "friend@far.example" {
		t.Errorf("%+v", e)
	}
	show := o.do(t, "", "queue", "show", id)
	for _, want := range []string{"greylisted", "accepted", "queued", "deferred", "mx.far.example"} {
		if !strings.Contains(show, want) {
			t.Errorf("queue show lacks %q:\n%s", want, show)
		}
	}
	o.do(t, "", "queue", "hold", id)
	o.await(t, id, "held", 1)
	o.far.Refuse(nil)
	o.do(t, "", "queue", "release", "--sender", alice)
	o.do(t, "", "queue", "retry", "--to", "far.example")
	o.await(t, id, "", 0)
	if n := len(o.far.Arrived()); n != 1 {
		t.Errorf("arrived %d times", n)
	}
	if out := o.do(t, "", "trace", id); !strings.Contains(out, "held") || !strings.Contains(out, "released") || !strings.Contains(out, "delivered") {
		t.Errorf("trace:\n%s", out)
	}
	log, err := os.ReadFile(o.Log)
	if err != nil {
		t.Fatal(err)
	}
	for word, result := range map[string]string{"deferred": "451 4.7.1", "delivered": "ok"} {
		line := `"msg":"` + word + `","proto":"queue","id":"` + id + `","from":"<` + alice + `>","to":"<friend@far.example>","account":\d+,"remote":"mx\.far\.example [^"]*","result":"` + result + `"`
		if n := len(regexp.MustCompile(line).FindAll(log, -1)); n != 1 {
			t.Errorf("%d log lines of the event %s", n, word)
		}
	}
	o.far.Refuse(busy)
	id = o.submit(t, "<"+alice+">", "<friend@far.example>", "never")
	o.await(t, id, "ready", 1)
	o.do(t, "", "queue", "delete", id, "--yes")
	o.await(t, id, "", 0)
	o.far.Refuse(nil)
}

func gone(string) error {
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "gone"}
}

func reports(t *testing.T, o *office) {
	o.far.Refuse(gone)
	o.submit(t, "<"+alice+"> RET=HDRS ENVID=q1", "<friend@far.example> ORCPT=rfc822;pal@far.example", "failing")
	o.Await(t, alice, "Action: failed", "Status: 5.1.1", "550 5.1.1 gone", "Original-Envelope-Id: q1", "Original-Recipient: rfc822; pal@far.example", "Subject: failing")
	o.far.Refuse(nil)
	// Who does not exist is not written to again, until somebody says otherwise.
	o.do(t, "", "suppression", "remove", "friend@far.example")
	before := len(o.near.Arrived())
	o.submit(t, "<"+alice+">", "<friend@far.example> NOTIFY=SUCCESS", "to one without DSN")
	o.Await(t, alice, "Action: relayed", "Subject: to one without DSN")
	o.submit(t, "<"+alice+"> ENVID=q2", "<pal@near.example> NOTIFY=SUCCESS,FAILURE", "to one with DSN")
	a := o.near.Await(t, before+1)
	if fmt.Sprint(a.Options[0].Notify) != "[SUCCESS FAILURE]" || a.From.EnvelopeID != "q2" {
		t.Errorf("DSN parameters were not passed on: %+v %+v", a.From, a.Options)
	}
	o.submit(t, "<"+alice+">", "<bob@example.test> NOTIFY=SUCCESS", "to a colleague")
	o.Await(t, alice, "Action: delivered", "Subject: to a colleague")
	for _, m := range o.Mailbox(t, alice, "INBOX") {
		if !strings.HasPrefix(string(m), "Return-Path: <>\r\n") {
			t.Errorf("a report with a reverse-path: %.200s", m)
		}
	}
	if n := len(o.Mailbox(t, alice, "INBOX")); n != 3 {
		t.Errorf("%d reports, want 3", n)
	}
}

func noReport(t *testing.T, o *office) {
	before := len(o.Mailbox(t, alice, "INBOX"))
	o.far.Refuse(gone)
	defer o.far.Refuse(nil)
	id := o.submit(t, "<>", "<ghost@far.example> NOTIFY=SUCCESS,FAILURE,DELAY", "receipt")
	o.await(t, id, "", 0)
	if n := len(o.Mailbox(t, alice, "INBOX")); n != before {
		t.Errorf("%d reports about a message without a sender", n-before)
	}
	if out := o.do(t, "", "trace", id); strings.Contains(out, "dsn") || !strings.Contains(out, "failed") {
		t.Errorf("trace:\n%s", out)
	}
	if out := o.do(t, "", "queue", "list"); out != "" {
		t.Errorf("left in the queue:\n%s", out)
	}
}

func nullMX(t *testing.T, o *office) {
	o.submit(t, "<"+alice+">", "<x@nothing.example>", "nowhere")
	o.Await(t, alice, "Status: 5.1.10", "x@nothing.example")
}
