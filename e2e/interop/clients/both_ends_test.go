package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// Both ends of a synchronization are told alike: subject to the flags, as a
// Maildir spells them, in order.

// letters are Maildir's for the flags of IMAP.
var letters = []struct{ letter, flag string }{{"D", `\Draft`}, {"F", `\Flagged`}, {"R", `\Answered`}, {"S", `\Seen`}, {"T", `\Deleted`}}

// bobs is another connection of Bob's, beside that of the client.
func (d *desk) bobs(t *testing.T) *client.IMAP {
	t.Helper()
	c, err := d.IMAPS(d.bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// do runs commands on another connection of Bob's.
func (d *desk) do(t *testing.T, commands ...string) {
	t.Helper()
	c := d.bobs(t)
	for _, cmd := range commands {
		if _, err := c.OK("%s", cmd); err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
	}
}

// put appends a message on the server.
func (d *desk) put(t *testing.T, mailbox, subject, flags string) {
	t.Helper()
	var names []string
	for _, l := range letters {
		if strings.Contains(flags, l.letter) {
			names = append(names, l.flag)
		}
	}
	msg := d.letter(subject)
	d.do(t, fmt.Sprintf("APPEND %s (%s) {%d+}\r\n%s", client.Quote(mailbox), strings.Join(names, " "), len(msg), msg))
}

// there is what the server has in a mailbox.
func (d *desk) there(t *testing.T, mailbox string) map[string]string {
	t.Helper()
	c := d.bobs(t)
	n, _, err := c.Select(mailbox)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if n == 0 {
		return got
	}
	lines, err := c.OK("FETCH 1:* (FLAGS BODY.PEEK[])")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if len(l.Literals) != 1 {
			continue
		}
		var flags string
		for _, f := range letters {
			if strings.Contains(l.Text, f.flag) {
				flags += f.letter
			}
		}
		add(t, got, l.Literals[0], flags)
	}
	return got
}

// local is what a Maildir has.
func local(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for subject, file := range files(t, dir) {
		_, flags, _ := strings.Cut(filepath.Base(file), ":2,")
		got[subject] = flags
	}
	return got
}

// files are the messages of a Maildir by subject.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, sub := range []string{"new", "cur"} {
		names, _ := filepath.Glob(filepath.Join(dir, sub, "*"))
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			add(t, got, b, name)
		}
	}
	return got
}

var subjectField = regexp.MustCompile(`(?m)^Subject: (.*?)\r?$`)

// add notes one message; a second with the subject is a doubled one.
func add(t *testing.T, got map[string]string, msg []byte, value string) {
	t.Helper()
	m := subjectField.FindSubmatch(msg)
	if m == nil || !strings.Contains(string(msg), "Dear Bob,") {
		t.Fatalf("not one of ours:\n%s", msg)
	}
	if _, twice := got[string(m[1])]; twice {
		t.Errorf("%s is there twice", m[1])
	}
	got[string(m[1])] = value
}

// maildir makes an empty Maildir in the home folder.
func (d *desk) maildir(t *testing.T, path ...string) string {
	t.Helper()
	dir := filepath.Join(append([]string{d.home}, path...)...)
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
