package postfix

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
