package addresses

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

const hanUser = "用户@bücher.example"

func (tn *town) importUser(t *testing.T) {
	t.Helper()
	path := filepath.Join(tn.Dir, "people.csv")
	csv := "address,name,password,quota\n" + hanUser + ",用户," + testbed.Password + ",500M\n"
	if err := os.WriteFile(path, []byte(csv), 0o600); err != nil {
		t.Fatal(err)
	}
	tn.do(t, "account", "import", path)
}

func commandLineSpellsThem(t *testing.T, tn *town) {
	if out := tn.do(t, "account", "list", "xn--bcher-kva.example"); !strings.HasPrefix(out, hanUser+"\t用户\tactive\t") {
		t.Errorf("account list: %q", out)
	}
	var domains []struct{ Name string }
	if err := json.Unmarshal([]byte(tn.do(t, "domain", "list", "--json")), &domains); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(domains, func(d struct{ Name string }) bool { return d.Name == "bücher.example" }) {
		t.Errorf("domain list --json: %v", domains)
	}
	tn.do(t, "alias", "add", "Bestellung@xn--bcher-kva.example", hanUser)
	if out := tn.do(t, "alias", "list"); !strings.Contains(out, "Bestellung@bücher.example\t"+hanUser+"\n") {
		t.Errorf("alias list: %q", out)
	}
	// NFD and another case are the same address.
	tn.do(t, "account", "add-address", hanUser, "J\u00fcrgen@bücher.example")
	if out := tn.do(t, "account", "show", "ju\u0308rgen@BÜCHER.example"); !strings.Contains(out, hanUser) {
		t.Errorf("account show: %q", out)
	}
	if out := tn.do(t, "domain", "show", "bücher.example"); !strings.Contains(out, "xn--bcher-kva.example") {
		t.Errorf("domain show: %q", out)
	}
}

// wideIMAP logs in as hanUser: its name needs AUTHENTICATE, since LOGIN's
// arguments are ASCII until UTF8=ACCEPT is enabled (RFC 6855 §5).
func (tn *town) wideIMAP(t *testing.T) *client.IMAP {
	t.Helper()
	cfg, err := tn.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.DialIMAP(tn.Ports.IMAPS, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	ir := base64.StdEncoding.EncodeToString([]byte("\x00" + hanUser + "\x00" + testbed.Password))
	if _, err := c.OK("AUTHENTICATE PLAIN %s", ir); err != nil {
		t.Fatal(err)
	}
	return c
}

func wideMailComesIn(t *testing.T, tn *town) {
	if r := tn.receive(t, hanUser, "plain", ""); r.Code != 553 || !strings.HasPrefix(r.Text, "5.6.7") {
		t.Errorf("without SMTPUTF8: %v", r)
	}
	if r := tn.receive(t, hanUser, "Grüße", " SMTPUTF8"); r.Code != 250 {
		t.Fatalf("with SMTPUTF8: %v", r)
	}
	c := tn.wideIMAP(t)
	if _, _, err := c.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	ms, err := c.Fetch("1:*")
	if err != nil || !slices.ContainsFunc(ms, func(m client.Message) bool {
		return bytes.Contains(m.Body, []byte("Subject: Grüße\r\n")) && bytes.Contains(m.Body, []byte("Delivered-To: 用户@xn--bcher-kva.example\r\n"))
	}) {
		t.Fatalf("%v %v", err, ms)
	}
	lines, err := c.OK("SEARCH CHARSET UTF-8 SUBJECT {4+}\r\nGRÜ")
	if err != nil || !strings.HasPrefix(lines[0].Text, "* SEARCH") {
		t.Errorf("SEARCH: %v %v", lines, err)
	}
}

func mailboxOfTwoSpellings(t *testing.T, tn *town) {
	c := tn.wideIMAP(t)
	if _, err := c.OK("CREATE Entw&APw-rfe"); err != nil {
		t.Fatal(err)
	}
	if lines, err := c.OK(`LIST "" "Entw*"`); err != nil || len(lines) != 1 || !strings.Contains(lines[0].Text, "Entw&APw-rfe") {
		t.Errorf("LIST: %v %v", lines, err)
	}
	if status, err := c.Append("Entw&APw-rfe", []byte("Subject: x\r\n\r\n")); err != nil || !strings.HasPrefix(status, "OK") {
		t.Errorf("APPEND: %v %v", status, err)
	}
	if _, err := c.OK("ENABLE UTF8=ACCEPT"); err != nil {
		t.Fatal(err)
	}
	if lines, err := c.OK(`LIST "" "Entw*"`); err != nil || len(lines) != 1 || !strings.Contains(lines[0].Text, "Entwürfe") {
		t.Errorf("LIST with UTF8: %v %v", lines, err)
	}
	if n, _, err := c.Select("Entwürfe"); err != nil || n != 1 {
		t.Errorf("SELECT with UTF8: %d %v", n, err)
	}
}

// submitWide submits as hanUser with SMTPUTF8 and gives the last reply.
func (tn *town) submitWide(t *testing.T, to, subject string) client.Reply {
	t.Helper()
	cfg, err := tn.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := client.DialSMTP(tn.Ports.Submissions, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO laptop"); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Auth(hanUser, testbed.Password); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	for _, cmd := range []string{"MAIL FROM:<" + hanUser + "> SMTPUTF8", "RCPT TO:<" + to + ">", "DATA"} {
		if r, err := c.Cmd("%s", cmd); err != nil || r.Err() != nil {
			t.Fatal(cmd, r, err)
		}
	}
	r, err := c.Cmd("From: 用户 <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\nHallo.\r\n.", hanUser, to, subject)
	if err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	return r
}

func wideMailGoesOutOrComesBack(t *testing.T, tn *town) {
	before := len(tn.modern.Arrived())
	tn.submitWide(t, "partner@new.example", "Schöne Grüße")
	out := tn.modern.Await(t, before+1)
	if !out.From.UTF8 || out.Sender != "用户@xn--bcher-kva.example" || !bytes.Contains(out.Octets, []byte("Subject: Schöne Grüße\r\n")) {
		t.Errorf("%+v %q %q", out.From, out.Sender, out.Octets)
	}
	tn.submitWide(t, "friend@old.example", "Zurück")
	tn.submitWide(t, "jürgen@müller.example", "Jürgen")
	if out := tn.modern.Await(t, before+2); out.To[0] != "jürgen@xn--mller-kva.example" {
		t.Errorf("%q", out.To)
	}
	var back []byte
	c := tn.wideIMAP(t)
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		if _, _, err := c.Select("INBOX"); err != nil {
			return err
		}
		ms, err := c.Fetch("1:*")
		for _, m := range ms {
			if bytes.Contains(m.Body, []byte("multipart/report")) {
				back = m.Body
				return nil
			}
		}
		return fmt.Errorf("no report: %v", err)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Return-Path: <>\r\n", "Action: failed\r\n", "Status: 5.6.7\r\n", "friend@old.example", "Zurück", "To: 用户@xn--bcher-kva.example\r\n"} {
		if !bytes.Contains(back, []byte(want)) {
			t.Errorf("the report lacks %q:\n%s", want, back)
		}
	}
	if n := len(tn.old.Arrived()); n != 0 {
		t.Errorf("%d messages went to a server without SMTPUTF8", n)
	}
}

// A report about a wide recipient, for a sender with a plain address.
func reportNamesWideRecipient(t *testing.T, tn *town) {
	tn.modern.Refuse(func(to string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody here"}
	})
	defer tn.modern.Refuse(nil)
	cfg, err := tn.TLS()
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := client.DialSMTP(tn.Ports.Submissions, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"EHLO laptop", "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00alice@example.test\x00"+testbed.Password)),
		"MAIL FROM:<alice@example.test> SMTPUTF8", "RCPT TO:<jürgen@new.example>", "DATA", "From: alice@example.test\r\nSubject: wide\r\n\r\nHi.\r\n."} {
		if r, err := c.Cmd("%s", cmd); err != nil || r.Err() != nil {
			t.Fatal(cmd, r, err)
		}
	}
	m := tn.Await(t, "alice@example.test", "Action: failed", "message/global-delivery-status")
	for _, want := range []string{"Final-Recipient: utf-8; jürgen@new.example\r\n", "Status: 5.1.1\r\n"} {
		if !bytes.Contains(m, []byte(want)) {
			t.Errorf("the report lacks %q:\n%s", want, m)
		}
	}
}
