package postfix

import (
	"bytes"
	"strings"
	"testing"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

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
