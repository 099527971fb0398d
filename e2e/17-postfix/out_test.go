package postfix

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-smtp"
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

// signed sends 8-bit text, dots at the start of lines and a line of 990
// octets: what was signed must be what Postfix stored.
func (w *world) signed(t *testing.T) {
	l := note(alice, bob, "signed")
	l.octets += "Grüße\r\n.\r\n..two\r\n" + strings.Repeat("x", 990) + "\r\n"
	l.mail.Body = smtp.Body8BitMIME
	w.fromA(t, l)
	got := w.awaitB(t, "bob", "Subject: signed\r\n", "Grüße\r\n.\r\n..two\r\n")
	if !hasAll(got, "Return-Path: <"+alice+">\r\n", "Delivered-To: "+bob+"\r\n", "from mx.a.test (unknown [127.0.0.1])", "(using TLSv1.3 ",
		"by mx.b.test (Postfix) with ESMTPS", "by mx.a.test", "\r\nMessage-ID: <", "\r\nDate: ") {
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

func (w *world) successOut(t *testing.T) {
	l := note(alice, bob, "tell me")
	l.rcpt.Notify, l.mail.Return, l.mail.EnvelopeID = []smtp.DSNNotify{smtp.DSNNotifySuccess}, smtp.DSNReturnHeaders, "mine-1"
	w.fromA(t, l)
	w.Await(t, alice, "Reporting-MTA: dns; mx.b.test", "Original-Envelope-Id: mine-1", "Action: delivered")
}
