package postfix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// lacks tells which of marks is not in text.
func lacks(text string, marks ...string) error {
	for _, m := range marks {
		if !strings.Contains(text, m) {
			return fmt.Errorf("%q is not in\n%s", m, text)
		}
	}
	return nil
}

func (w *world) passes(t *testing.T) {
	l := note(bob, alice, "from Postfix")
	l.octets = "Authentication-Results: mx.a.test; dkim=pass header.d=bank.test\r\n" + l.octets
	w.fromB(t, l)
	got := string(w.Await(t, alice, "Subject: from Postfix\r\n"))
	if err := lacks(got, "Return-Path: <"+bob+">\r\nDelivered-To: "+alice+"\r\nAuthentication-Results: mx.a.test;", "iprev=pass",
		"spf=pass", "smtp.mailfrom="+"b.test", "with ESMTPS", "from mx.b.test ([127.0.17.2])"); err != nil {
		t.Error(err)
	}
	if strings.Contains(got, "bank.test") {
		t.Errorf("a foreign field of our name is believed:\n%s", got)
	}
	w.emptyB(t)
}

func (w *world) wideIn(t *testing.T) {
	w.do(t, "alias", "add", "büro@a.test", alice)
	l := note(wide, "büro@a.test", "Grüße von außen")
	l.mail.UTF8 = true
	w.fromB(t, l)
	got := string(w.Await(t, alice, "Subject: Grüße von außen\r\n"))
	if err := lacks(got, "Return-Path: <"+wide+">\r\n", "with UTF8SMTPS", "spf=pass"); err != nil {
		t.Error(err)
	}
}

// hundred has Postfix send one message to a hundred accounts: at most 50 in a
// transaction, as its smtp_destination_recipient_limit says.
func (w *world) hundred(t *testing.T) {
	csv := "address,name,password,quota\n"
	l := note(bob, "all@a.test", "to a hundred")
	l.to = nil
	for i := range 100 {
		to := fmt.Sprintf("n%02d@a.test", i)
		csv += to + ",," + testbed.Password + ",\n"
		l.to = append(l.to, to)
	}
	path := filepath.Join(w.Dir, "people.csv")
	if err := os.WriteFile(path, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	w.do(t, "account", "import", path)
	w.fromB(t, l)
	w.emptyB(t)
	if n := len(w.logB(t, "/smtp[", "relay="+hostA, "to=<n", "status=sent (250 ")); n != 100 {
		t.Errorf("Postfix counts %d recipients", n)
	}
	for i := 0; i < len(l.to); i += 10 { // a log-in each
		to := l.to[i]
		if got := w.Mailbox(t, to, "INBOX"); len(got) != 1 || !hasAll(got[0], "Subject: to a hundred\r\n", "Delivered-To: "+to+"\r\n") {
			t.Fatalf("%s has %d messages", to, len(got))
		}
	}
}

func (w *world) many(t *testing.T) {
	const n = 40
	heavy := note(bob, "n00@a.test", "heavy")
	heavy.octets += filler(20 << 20)
	letters := []letter{heavy}
	for i := range n {
		letters = append(letters, note(bob, "n01@a.test", fmt.Sprintf("one of many %d.", i)))
	}
	w.fromB(t, letters...)
	w.emptyB(t)
	if got := w.Mailbox(t, "n00@a.test", "INBOX"); len(got) != 2 || !bytes.HasSuffix(got[1], []byte(heavy.octets[len(heavy.octets)/2:])) {
		t.Errorf("%d messages, the last is not the big one", len(got))
	}
	got := w.Mailbox(t, "n01@a.test", "INBOX")
	for i := range n {
		found := 0
		for _, m := range got {
			if hasAll(m, fmt.Sprintf("Subject: one of many %d.\r\n", i)) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("message %d arrived %d times", i, found)
		}
	}
	if len(w.logB(t, "conn_use=", "to=<n01@a.test>")) == 0 {
		t.Error("no connection carried two messages")
	}
}

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

// bareIn has Postfix take a message whose lines end with LF alone, with what
// looks like the end of data and more commands.
func (w *world) bareIn(t *testing.T) {
	const inside = "\n..\nMAIL FROM:<boss@a.test>\nRCPT TO:<" + alice + ">\nDATA\nSubject: smuggled\n\nPay.\n..\n"
	c, _, err := client.DialSMTP(w.inB, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"EHLO b.test", "MAIL FROM:<" + bob + ">", "RCPT TO:<" + alice + ">", "DATA"} {
		if r, err := c.Cmd("%s", cmd); err != nil || r.Err() != nil {
			t.Fatal(cmd, r, err)
		}
	}
	if r, err := c.Cmd("%s", "From: <"+bob+">\nSubject: bare lines\n\nHello."+inside+"Bye.\r\n."); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	w.emptyB(t)
	got := w.Await(t, alice, "\r\nSubject: bare lines\r\n")
	if !bytes.HasSuffix(got, []byte("Hello."+strings.ReplaceAll(strings.ReplaceAll(inside, "..", "."), "\n", "\r\n")+"Bye.\r\n")) {
		t.Errorf("it became\n%q", got)
	}
	for _, m := range w.Mailbox(t, alice, "INBOX") {
		if header, _, _ := bytes.Cut(m, []byte("\r\n\r\n")); hasAll(header, "Subject: smuggled") {
			t.Errorf("a second message:\n%s", m)
		}
	}
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
