package postfix

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// TestPostfix shares one world: Postfix takes a while to start and to stop.
func TestPostfix(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"out: signed, by TLS, octets as they were", w.signed},
		{"out: SMTPUTF8", w.wideOut},
		{"out: greylisted, then taken", w.greylisted},
		{"out: success is reported by Postfix", w.successOut},
		{"out: too large", w.tooLarge},
		{"out: nobody", w.nobody},
		{"out: a bounce later", w.bouncedLater},
		{"out: bare LF is not passed on", w.bareOut},
		{"in: SPF passes", w.passes},
		{"in: SMTPUTF8", w.wideIn},
		{"in: a hundred recipients", w.hundred},
		{"in: several messages per connection, and a big one", w.many},
		{"in: success is reported by postroom", w.successIn},
		{"in: nobody", w.nobodyIn},
		{"in: lines ended by LF are one message", w.bareIn},
		{"in: while postroom is away", w.away},
		{"a loop of two aliases", w.loop},
	} {
		t.Run(c.name, c.run)
	}
}

// signed sends 8-bit text, dots at the start of lines and a line of 2,000
// octets: what was signed must be what Postfix stored.
func (w *world) signed(t *testing.T) {
	l := note(alice, bob, "signed")
	l.octets += "Grüße\r\n.\r\n..two\r\n" + strings.Repeat("x", 990) + "\r\n"
	l.mail.Body = smtp.Body8BitMIME
	w.fromA(t, l)
	got := w.awaitB(t, "bob", "Subject: signed\r\n", "Grüße\r\n.\r\n..two\r\n")
	if !hasAll(got, "Return-Path: <"+alice+">\r\n", "Delivered-To: "+bob+"\r\n", "from mx.a.test (unknown [127.0.0.1])", "(using TLSv1.3 ",
		"by mx.b.test (Postfix) with ESMTPS", "by mx.a.test", "\r\nMessage-ID: <", "\r\nDate: ") || hasAll(got, testbed.Password) {
		t.Errorf("header:\n%s", got)
	}
	w.verify(t, got)
}

// verify has go-msgauth look at both signatures of a.test.
func (w *world) verify(t *testing.T, octets []byte) {
	t.Helper()
	vs, err := dkim.VerifyWithOptions(bytes.NewReader(octets), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if v, ok := w.txt[name]; ok {
			return v, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}})
	if err != nil || len(vs) != 2 {
		t.Fatalf("%d signatures, %v, in\n%s", len(vs), err, octets)
	}
	for _, v := range vs {
		if v.Err != nil || v.Domain != "a.test" {
			t.Errorf("signature of %s: %v", v.Domain, v.Err)
		}
	}
}

func (w *world) wideOut(t *testing.T) {
	l := note(alice, wide, "Grüße nach außen")
	l.mail.UTF8 = true
	w.fromA(t, l)
	got := w.awaitB(t, "wide", "Subject: Grüße nach außen\r\n", "Delivered-To: "+wide+"\r\n", "with UTF8SMTPS")
	w.verify(t, got)
}

func (w *world) greylisted(t *testing.T) {
	w.fromA(t, note(alice, "grey@b.test", "patience"))
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		return lacks(w.do(t, "queue", "list"), "450 4.2.0", "greylisted, come again")
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.maildir(t, "grey")); n != 0 {
		t.Fatalf("%d messages before the retry", n)
	}
	w.do(t, "queue", "retry", "--all")
	w.awaitB(t, "grey", "Subject: patience\r\n")
	if err := lacks(w.do(t, "trace", "--recipient", "grey@b.test"), "deferred", "delivered"); err != nil {
		t.Error(err)
	}
}

func (w *world) successOut(t *testing.T) {
	l := note(alice, bob, "tell me")
	l.rcpt.Notify, l.mail.Return, l.mail.EnvelopeID = []smtp.DSNNotify{smtp.DSNNotifySuccess}, smtp.DSNReturnHeaders, "mine-1"
	w.fromA(t, l)
	w.Await(t, alice, "Reporting-MTA: dns; mx.b.test", "Original-Envelope-Id: mine-1", "Action: delivered")
}

// tooLarge is refused by the SIZE that Postfix offers, without its octets.
func (w *world) tooLarge(t *testing.T) {
	l := note(alice, bob, "heavy")
	l.octets += filler(sizeB)
	w.fromA(t, l)
	w.Await(t, alice, "Action: failed", "Status: 5.3.4", "Subject: heavy\r\n")
	if got := w.logB(t, "message size", "exceeds size limit"); len(got) != 0 {
		t.Errorf("sent all the same: %q", got)
	}
}

// filler is n octets of text.
func filler(n int) string {
	line := strings.Repeat("0123456789abcdef", 4) + "\r\n"
	return strings.Repeat(line, n/len(line)+1)
}

func (w *world) nobody(t *testing.T) {
	w.fromA(t, note(alice, "nobody@b.test", "to nobody"))
	w.Await(t, alice, "Final-Recipient: rfc822; nobody@b.test", "Status: 5.1.1", "Remote-MTA: dns; mx.b.test", "Subject: to nobody\r\n")
	if err := lacks(w.do(t, "trace", "--recipient", "nobody@b.test"), "failed", "550 5.1.1"); err != nil {
		t.Error(err)
	}
}

func (w *world) bouncedLater(t *testing.T) {
	w.fromA(t, note(alice, "gone@b.test", "to one who left"))
	w.Await(t, alice, "Reporting-MTA: dns; mx.b.test", "Final-Recipient: rfc822; gone@b.test", "Subject: to one who left\r\n")
	if err := lacks(w.do(t, "trace", "--recipient", "gone@b.test"), "delivered", "bounced", "hard: 5.1.1"); err != nil {
		t.Error(err)
	}
	if err := lacks(w.do(t, "suppression", "list"), "gone@b.test", "nobody@b.test"); err != nil {
		t.Error(err)
	}
}

// bareOut tries what makes two messages of one where a server ends lines at LF.
func (w *world) bareOut(t *testing.T) {
	const second = "MAIL FROM:<boss@a.test>\r\nRCPT TO:<" + bob + ">\r\nDATA\r\nSubject: smuggled\r\n\r\nPay.\r\n"
	for _, end := range []string{"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n\x00.\r\n"} {
		octets := "From: <" + alice + ">\r\nSubject: two in one\r\n\r\nHello." + end + second
		for _, chunked := range []bool{false, true} {
			if r := w.submitRaw(t, octets, chunked); r.Code/100 != 5 {
				t.Errorf("%q, BDAT %v: %v", end, chunked, r)
			}
		}
	}
	w.fromA(t, note(alice, bob, "after the smugglers"))
	w.awaitB(t, "bob", "Subject: after the smugglers\r\n")
	for _, m := range w.maildir(t, "bob") {
		if hasAll(m, "Subject: smuggled") {
			t.Errorf("arrived:\n%s", m)
		}
	}
}

// submitRaw submits octets as they are and gives the reply to their end.
func (w *world) submitRaw(t *testing.T, octets string, chunked bool) client.Reply {
	t.Helper()
	cfg, err := w.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := client.DialSMTP(w.Ports.Submissions, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO client.test"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Auth(alice, testbed.Password); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	put := c.Send
	if chunked {
		put = c.SendBDAT
	}
	r, err := put(alice, []string{bob}, []byte(octets))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
