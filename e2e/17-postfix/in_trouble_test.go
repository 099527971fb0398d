package postfix

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/e2e/testbed"
)

func (w *world) successIn(t *testing.T) {
	l := note(bob, alice, "tell me, too")
	l.rcpt.Notify, l.mail.EnvelopeID = []smtp.DSNNotify{smtp.DSNNotifySuccess}, "his-1"
	w.fromB(t, l)
	got := w.awaitB(t, "bob", "Reporting-MTA: dns; mx.a.test", "Original-Envelope-Id: his-1", "Action: delivered")
	if !hasAll(got, "Return-Path: <>\r\n", "Final-Recipient: rfc822; "+alice) {
		t.Errorf("report:\n%s", got)
	}
}

func (w *world) nobodyIn(t *testing.T) {
	w.fromB(t, note(bob, "nobody@a.test", "to nobody here"))
	w.awaitB(t, "bob", "Reporting-MTA: dns; mx.b.test", "Final-Recipient: rfc822; nobody@a.test", "550 5.1.1")
	w.emptyB(t)
}

func (w *world) away(t *testing.T) {
	if err := w.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	var letters []letter
	for i := range 10 {
		letters = append(letters, note(bob, "n02@a.test", fmt.Sprintf("while away %d", i)))
	}
	w.fromB(t, letters...)
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		out, err := w.b.Do(t.Context(), "postqueue", "-j")
		if n := strings.Count(out, `"queue_name": "deferred"`); err == nil && n != len(letters) {
			err = fmt.Errorf("%d of %d are deferred: %s", n, len(letters), out)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.b.Do(t.Context(), "postqueue", "-f"); err != nil {
		t.Fatal(err)
	}
	w.emptyB(t)
	if n := len(w.Mailbox(t, "n02@a.test", "INBOX")); n != 1+len(letters) {
		t.Errorf("%d messages, want %d", n, 1+len(letters))
	}
}

// loop is two aliases that lead to each other: the message ends, its sender is
// told once, and nobody else gets anything.
func (w *world) loop(t *testing.T) {
	w.do(t, "alias", "add", "loop@a.test", "loop@b.test")
	before := len(w.Mailbox(t, alice, "INBOX"))
	w.fromB(t, note(bob, "loop@a.test", "round and round"))
	w.awaitB(t, "bob", "Action: failed", "mail loop", "Subject: round and round\r\n")
	w.emptyB(t)
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		if out := w.do(t, "queue", "list", "--json"); strings.TrimSpace(out) != "[]" {
			return errors.New("postroom's queue holds " + out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.logB(t, "to=<loop@a.test>", "status=")); n > 4 {
		t.Errorf("%d times round", n)
	}
	reports := 0
	for _, m := range w.maildir(t, "bob") {
		if hasAll(m, "Action: failed", "Subject: round and round\r\n") {
			reports++
		}
	}
	if after := len(w.Mailbox(t, alice, "INBOX")); reports != 1 || after != before {
		t.Errorf("%d reports to bob, %d messages to alice", reports, after-before)
	}
}
