// Package forward drives mail that leaves again by an alias, and what comes
// back about mail that was sent, with the built program.
package forward

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/arc"
	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
	"postroom/internal/dns"
	"postroom/internal/dns/dnstest"
)

const (
	host   = "127.0.14.1"
	alice  = "alice@example.test"
	carol  = "carol@origin.example"
	friend = "friend@far.example"
)

// office is one instance, with an alias that leads outside.
type office struct {
	*testbed.Instance
	far    *testbed.Outside // MX of far.example, with DSN
	origin *testbed.Outside // MX of origin.example
	dns    *dnstest.Server
}

func newOffice(t *testing.T) *office {
	o := &office{dns: dnstest.New(t), far: &testbed.Outside{DSN: true}, origin: &testbed.Outside{}}
	port, err := testbed.CommonPort(host, "127.0.14.2", "127.0.14.3")
	if err != nil {
		t.Fatal(err)
	}
	o.far.Listen(t, fmt.Sprintf("127.0.14.2:%d", port))
	o.origin.Listen(t, fmt.Sprintf("127.0.14.3:%d", port))
	o.dns.Add("far.example. 60 IN MX 10 mx.far.example.", "mx.far.example. 60 IN A 127.0.14.2",
		"origin.example. 60 IN MX 10 mx.origin.example.", "mx.origin.example. 60 IN A 127.0.14.3")
	o.Instance = testbed.Company(t, testbed.Options{Host: host, DNS: o.dns.Addr(), Relay: port, Settings: "lift_limits = true"}, "example.test", "alice")
	var keys []struct{ Zone string }
	if err := json.Unmarshal([]byte(o.do(t, "dkim", "example.test", "--json")), &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		o.dns.Add(k.Zone)
	}
	o.do(t, "alias", "add", "box@example.test", friend)
	return o
}

func (o *office) do(t *testing.T, args ...string) string {
	t.Helper()
	out, err := o.CLI("", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// arrive brings a message to the MX from outside and gives the last reply.
func (o *office) arrive(t *testing.T, from, to, octets string) client.Reply {
	t.Helper()
	c, _, err := client.DialSMTP(o.Ports.SMTP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO mx.outside.test"); err != nil {
		t.Fatal(err)
	}
	r, err := c.Send(from, []string{to}, []byte(octets))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func header(octets []byte) string {
	h, _, _ := bytes.Cut(octets, []byte("\r\n\r\n"))
	return string(h) + "\r\n"
}

// dsn is what far.example reports later about a message that it took.
func dsn(envID, returned string) string {
	return "From: MAILER-DAEMON@far.example\r\nSubject: undeliverable\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n" +
		"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.example\r\n" + envID +
		"\r\nFinal-Recipient: rfc822; " + friend + "\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 has left\r\n\r\n" +
		"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + returned + "\r\n--b--\r\n"
}

func TestForward(t *testing.T) {
	o := newOffice(t)
	t.Run("out again, sealed, and a bounce home", o.forward)
	t.Run("a forged bounce suppresses nobody", o.forged)
	t.Run("a bounce of a submission", o.bounced)
}

func (o *office) forward(t *testing.T) {
	if r := o.arrive(t, carol, "box@example.test", "From: "+carol+"\r\nSubject: hi\r\nMessage-ID: <1@origin.example>\r\n\r\nHello.\r\n"); r.Err() != nil {
		t.Fatal(r)
	}
	got := o.far.Await(t, 1)
	if !strings.HasPrefix(got.Sender, "SRS0=") || !strings.HasSuffix(got.Sender, "=origin.example=carol@example.test") || got.From.EnvelopeID != "" {
		t.Fatalf("forwarded as %q, ENVID %q", got.Sender, got.From.EnvelopeID)
	}
	resolver, err := dns.New(dns.Config{Servers: []string{o.dns.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(got.Octets, []byte("\r\n\r\n")) + 4
	bodies := &canon.Bodies{}
	v := arc.New(got.Octets[:i], bodies, time.Now())
	_, _ = bodies.Write(got.Octets[i:])
	if res := v.Finish(t.Context(), resolver); res.Status != sig.Pass || len(res.Sets) != 1 || res.Sets[0].Seal.Domain != "example.test" {
		t.Errorf("chain: %+v in\n%s", res, got.Octets)
	}
	if r := o.arrive(t, "", strings.Replace(got.Sender, "carol", "victim", 1), "Subject: x\r\n\r\nx\r\n"); r.Code != 550 {
		t.Errorf("a forged return address: %v", r)
	}
	if r := o.arrive(t, "spam@x.example", got.Sender, "Subject: x\r\n\r\nx\r\n"); r.Code != 550 {
		t.Errorf("what is no bounce: %v", r)
	}
	if r := o.arrive(t, "", got.Sender, "From: MAILER-DAEMON@far.example\r\nSubject: sorry\r\n\r\nToo busy.\r\n"); r.Err() != nil {
		t.Fatal(r)
	}
	if back := o.origin.Await(t, 1); back.Sender != "" || back.To[0] != carol || !bytes.Contains(back.Octets, []byte("Too busy.")) {
		t.Errorf("the bounce went from %q to %q", back.Sender, back.To)
	}
	// What the next hop refuses at once is our own report, to the same place.
	o.far.Refuse(func(string) error {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not wanted"}
	})
	defer o.far.Refuse(nil)
	if r := o.arrive(t, carol, "box@example.test", "From: "+carol+"\r\nMessage-ID: <3@origin.example>\r\n\r\nHello.\r\n"); r.Err() != nil {
		t.Fatal(r)
	}
	if back := o.origin.Await(t, 2); back.To[0] != carol || !bytes.Contains(back.Octets, []byte("554 5.7.1 not wanted")) {
		t.Errorf("our report went to %q:\n%s", back.To, back.Octets)
	}
}

// submit sends as alice to friend and gives the queue id and what arrived.
func (o *office) submit(t *testing.T) (string, testbed.Arrival) {
	t.Helper()
	before := len(o.far.Arrived())
	r, err := o.Submit(alice, testbed.Password, []string{friend}, []byte("From: "+alice+"\r\nSubject: hi\r\n\r\nHi.\r\n"))
	if err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	return r.Text[strings.LastIndexByte(r.Text, ' ')+1:], o.far.Await(t, before+1)
}

func (o *office) forged(t *testing.T) {
	id, _ := o.submit(t)
	forged := dsn("Original-Envelope-Id: "+id+"\r\n", "Message-ID: <guess@example.test>\r\n")
	if r := o.arrive(t, "", alice, forged); r.Err() != nil {
		t.Fatal(r)
	}
	o.Await(t, alice, "<guess@example.test>")
	if out := o.do(t, "suppression", "list"); strings.Contains(out, friend) {
		t.Errorf("suppressed by a guess:\n%s", out)
	}
}

func (o *office) bounced(t *testing.T) {
	id, got := o.submit(t)
	if got.From.EnvelopeID != id {
		t.Errorf("ENVID %q, queue id %s", got.From.EnvelopeID, id)
	}
	if r := o.arrive(t, "", alice, dsn("Original-Envelope-Id: "+got.From.EnvelopeID+"\r\n", header(got.Octets))); r.Err() != nil {
		t.Fatal(r)
	}
	o.Await(t, alice, "Original-Envelope-Id: "+id, "550 5.1.1 has left")
	if out := o.do(t, "trace", id); !strings.Contains(out, "bounced") || !strings.Contains(out, "hard: 550 5.1.1 has left") {
		t.Errorf("trace:\n%s", out)
	}
	if out := o.do(t, "suppression", "list"); !strings.Contains(out, friend) || !strings.Contains(out, "has left") {
		t.Errorf("suppressions:\n%s", out)
	}
	for _, to := range []string{friend, "box@example.test"} {
		r, err := o.Submit(alice, testbed.Password, []string{to}, []byte("From: "+alice+"\r\n\r\nAgain.\r\n"))
		if err != nil || r.Code != 550 || !strings.Contains(r.Text, "has left") {
			t.Errorf("to %s again: %v, %v", to, r, err)
		}
	}
	if r := o.arrive(t, carol, "box@example.test", "From: "+carol+"\r\nMessage-ID: <2@origin.example>\r\n\r\nHello.\r\n"); r.Code != 550 {
		t.Errorf("from outside to nobody: %v", r)
	}
}
