//go:build thunderbird

package thunderbird

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

const (
	alice = "alice@example.test"
	bob   = "bob@example.test"
)

// desk is Bob's computer: his Thunderbird, and another connection of his to
// the server to compare with.
type desk struct {
	*testbed.Instance
	tb    *Program
	home  string
	other *client.IMAP
}

type args = map[string]any

// newDesk sets Thunderbird up for Bob by the autoconfig file of his domain.
func newDesk(t *testing.T, settings args) *desk {
	t.Helper()
	d := &desk{Instance: testbed.Company(t, testbed.Options{Hostname: "localhost"}, "example.test", "alice", "bob"), home: t.TempDir()}
	d.tb = Start(t, d.home, settings)
	var got struct {
		User                string
		SSL, Plain, SmtpSSL bool
	}
	d.tb.Do(t, "setUp", args{"ca": d.ca(t), "xml": d.autoconfig(t), "name": "Bob", "address": bob, "password": testbed.Password,
		"imap": number(d.Ports.IMAPS), "smtp": number(d.Ports.Submissions)}, &got)
	if got.User != bob || !got.SSL || !got.Plain || !got.SmtpSSL {
		t.Errorf("the assistant made %+v", got)
	}
	var err error
	if d.other, err = d.IMAPS(bob, testbed.Password); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.other.Close() })
	d.tb.Do(t, "open", args{"name": "INBOX"}, nil)
	return d
}

func number(addr string) int {
	_, p, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(p)
	return n
}

func (d *desk) ca(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(d.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	return base64.StdEncoding.EncodeToString(block.Bytes)
}

func (d *desk) autoconfig(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+d.Ports.HTTP+"/mail/config-v1.1.xml", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "autoconfig.example.test"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("autoconfig: %s %v", resp.Status, err)
	}
	return string(b)
}

// submit sends a message from Alice when Thunderbird is idle.
func (d *desk) submit(t *testing.T, subject, body string) {
	t.Helper()
	d.tb.AwaitIdle(t)
	d.deliver(t, subject, body)
}

func (d *desk) deliver(t *testing.T, subject, body string) {
	t.Helper()
	msg := fmt.Sprintf("From: Alice <%s>\r\nTo: Bob <%s>\r\nSubject: %s\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n", alice, bob, subject, body)
	if r, err := d.Submit(alice, testbed.Password, []string{bob}, []byte(msg)); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
}

// there waits until the server has n messages in a mailbox of Bob's, and the
// FLAGS of one with the subject hold all of flags.
func (d *desk) there(t *testing.T, mailbox string, n int, subject string, flags ...string) {
	t.Helper()
	err := testbed.Until(t.Context(), 20*time.Second, func() error {
		have, _, err := d.other.Select(mailbox)
		if err != nil || have != n {
			return fmt.Errorf("%s has %d messages, not %d: %v", mailbox, have, n, err)
		}
		if subject == "" {
			return nil
		}
		lines, err := d.other.OK("SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n%s", len(subject), subject)
		if err != nil {
			return err
		}
		seq := strings.TrimPrefix(lines[0].Text, "* SEARCH")
		if strings.TrimSpace(seq) == "" {
			return fmt.Errorf("no %q in %s", subject, mailbox)
		}
		lines, err = d.other.OK("FETCH%s (FLAGS)", seq)
		if err != nil {
			return err
		}
		for _, f := range flags {
			if !strings.Contains(lines[0].Text, f) {
				return fmt.Errorf("%q in %s: %s, want %s", subject, mailbox, lines[0].Text, f)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type message struct {
	UID      uint32
	Subject  string
	Read     bool
	Flagged  bool
	Keywords string
}

func (d *desk) messages(t *testing.T, mailbox string) []message {
	t.Helper()
	var out []message
	d.tb.Do(t, "messages", args{"name": mailbox}, &out)
	return out
}

func TestThunderbird(t *testing.T) {
	for _, condstore := range []bool{false, true} {
		t.Run(fmt.Sprintf("condstore=%v", condstore), func(t *testing.T) {
			d := newDesk(t, args{"mail.server.default.use_condstore": condstore})
			d.findsTheFolders(t)
			d.sends(t)
			d.seesNewMailByIdle(t)
			d.searches(t)
			d.marks(t)
			d.moves(t)
			d.deletes(t)
			d.savesADraft(t)
			d.comesBack(t)
		})
	}
}

func (d *desk) findsTheFolders(t *testing.T) {
	var got []struct{ Path, Kind string }
	d.tb.Do(t, "folders", nil, &got)
	have := map[string]string{}
	for _, f := range got {
		have[f.Path] = f.Kind
	}
	for path, kind := range map[string]string{"Drafts": "Drafts", "Sent": "SentMail", "Junk": "Junk", "Trash": "Trash", "Archive": "Archive"} {
		if have[path] != kind {
			t.Errorf("%s is %q for Thunderbird, not %q; it has %v", path, have[path], kind, got)
		}
	}
}

func (d *desk) sends(t *testing.T) {
	const subject = "Grüße aus Thunderbird"
	d.tb.Do(t, "send", args{"to": alice, "cc": bob, "subject": subject, "body": "Liebe Alice,\n.\nschöne Grüße\n"}, nil)
	got := string(d.Await(t, alice, "\r\nschöne Grüße\r\n"))
	if !strings.Contains(got, "\r\n.\r\n") || !strings.Contains(got, "From: Bob <"+bob+">") {
		t.Errorf("Alice got\n%s", got)
	}
	d.there(t, "Sent", 1, subject, `\Seen`)
	d.there(t, "INBOX", 1, subject)
	d.tb.Do(t, "awaits", args{"name": "INBOX", "subject": subject}, nil)
}

func (d *desk) seesNewMailByIdle(t *testing.T) {
	d.submit(t, "seen by IDLE", "Dear Bob,\r\nthe word is W\u00f6rterbuch.")
	d.tb.Do(t, "awaits", args{"name": "INBOX", "subject": "seen by IDLE"}, nil)
	if !slices.Contains(d.tb.Said(t), "IDLE") {
		t.Error("Thunderbird has not said IDLE")
	}
	var text string
	d.tb.Do(t, "text", args{"name": "INBOX", "subject": "seen by IDLE"}, &text)
	if strings.TrimSpace(text) != "Dear Bob,\nthe word is Wörterbuch." {
		t.Errorf("Thunderbird shows %q", text)
	}
	// What another program does to a message is seen by IDLE too.
	d.there(t, "INBOX", 2, "seen by IDLE")
	if _, err := d.other.OK(`STORE 2 +FLAGS (\Flagged)`); err != nil {
		t.Fatal(err)
	}
	d.tb.Do(t, "awaits", args{"name": "INBOX", "subject": "seen by IDLE", "flagged": true}, nil)
}

func (d *desk) searches(t *testing.T) {
	for word, want := range map[string][]string{
		"wörterBUCH":    {"seen by IDLE"},
		"schöne grüße":  {"Grüße aus Thunderbird"},
		"not in a mail": nil,
	} {
		var got []string
		d.tb.Do(t, "search", args{"name": "INBOX", "body": word}, &got)
		if !slices.Equal(got, want) {
			t.Errorf("search for %q found %q", word, got)
		}
	}
	if !slices.ContainsFunc(d.tb.Said(t), func(s string) bool { return strings.HasPrefix(s, "uid SEARCH") }) {
		t.Error("Thunderbird did not ask the server")
	}
}

func (d *desk) marks(t *testing.T) {
	d.tb.Do(t, "mark", args{"name": "INBOX", "subject": "seen by IDLE", "read": true, "flagged": false, "tag": "$label2"}, nil)
	d.there(t, "INBOX", 2, "seen by IDLE", `\Seen`, "$label2")
	lines, err := d.other.OK("SEARCH FLAGGED")
	if err != nil || lines[0].Text != "* SEARCH" {
		t.Errorf("the flag was taken away, and %v %v", lines, err)
	}
}

func (d *desk) moves(t *testing.T) {
	d.tb.Do(t, "createFolder", args{"parent": "", "name": "Kunden & Größen"}, nil)
	d.tb.Do(t, "createFolder", args{"parent": "Kunden & Größen", "name": "2026"}, nil)
	d.tb.Do(t, "move", args{"from": "INBOX", "subject": "seen by IDLE", "to": "Kunden & Größen/2026"}, nil)
	d.there(t, "INBOX", 1, "")
	d.there(t, "Kunden &- Gr&APYA3w-en/2026", 1, "seen by IDLE", `\Seen`, "$label2")
	d.tb.Do(t, "renameFolder", args{"from": "Kunden & Größen", "to": "Clients"}, nil)
	d.there(t, "Clients/2026", 1, "seen by IDLE", `\Seen`, "$label2")
	d.tb.Do(t, "open", args{"name": "Clients/2026"}, nil)
	d.tb.Do(t, "awaits", args{"name": "Clients/2026", "subject": "seen by IDLE"}, nil)
	d.tb.Do(t, "open", args{"name": "INBOX"}, nil)
}

func (d *desk) deletes(t *testing.T) {
	d.tb.Do(t, "remove", args{"name": "INBOX", "subject": "Grüße aus Thunderbird"}, nil)
	d.there(t, "INBOX", 0, "")
	d.there(t, "Trash", 1, "Grüße aus Thunderbird")
	d.tb.Do(t, "emptyTrash", nil, nil)
	d.there(t, "Trash", 0, "")
}

func (d *desk) savesADraft(t *testing.T) {
	d.tb.Do(t, "draft", args{"to": alice, "subject": "not yet", "texts": []string{"one, ", "two"}}, nil)
	d.there(t, "Drafts", 1, "not yet", `\Draft`)
	if b := d.Mailbox(t, bob, "Drafts"); !strings.Contains(string(b[0]), "one, two") {
		t.Errorf("the draft is\n%s", b[0])
	}
}

// comesBack is a restart of Thunderbird after a day of changes elsewhere.
func (d *desk) comesBack(t *testing.T) {
	// At once: some come while Thunderbird fetches those before them.
	for i := range 5 {
		d.deliver(t, fmt.Sprintf("number %d", i), "text")
	}
	for i := range 5 {
		d.tb.Do(t, "awaits", args{"name": "INBOX", "subject": fmt.Sprintf("number %d", i)}, nil)
	}
	d.there(t, "INBOX", 5, "number 4")
	before := d.messages(t, "INBOX")
	d.tb.Quit(t)
	d.deliver(t, "number 5", "text")
	d.there(t, "INBOX", 6, "number 5")
	for _, c := range []string{`STORE 2 +FLAGS (\Seen)`, `STORE 3 +FLAGS (\Deleted)`, "EXPUNGE", `MOVE 1 "Archive"`} {
		if _, err := d.other.OK("%s", c); err != nil {
			t.Fatal(err)
		}
	}
	d.tb = Start(t, d.home, nil)
	d.tb.Do(t, "open", args{"name": "INBOX"}, nil)
	d.tb.Do(t, "awaits", args{"name": "INBOX", "subject": "number 5"}, nil)
	d.tb.Do(t, "awaits", args{"name": "INBOX", "subject": "number 0", "gone": true}, nil)
	want := []message{before[1], before[3], before[4], {UID: before[4].UID + 1, Subject: "number 5"}}
	want[0].Read = true
	if got := d.messages(t, "INBOX"); !slices.Equal(got, want) {
		t.Errorf("Thunderbird has\n%+v\nthe server\n%+v", got, want)
	}
}
