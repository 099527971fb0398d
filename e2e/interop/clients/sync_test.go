package clients

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

func TestMbsyncBothWays(t *testing.T) {
	d := newDesk(t)
	rc := d.file(t, "mbsyncrc", fmt.Sprintf(`IMAPAccount postroom
Host localhost
Port %s
User %s
Pass "%s"
SSLType IMAPS
CertificateFile %s

IMAPStore there
Account postroom

MaildirStore here
Path %[5]s/mail/
Inbox %[5]s/mail/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
`, port(d.Ports.IMAPS), d.bob, testbed.Password, d.CAFile(), d.home))
	d.bothWays(t, func() { d.run(t, "", "mbsync", "-c", rc, "-a") })
}

func TestOfflineimapBothWays(t *testing.T) {
	d := newDesk(t)
	rc := d.file(t, "offlineimaprc", fmt.Sprintf(`[general]
accounts = bob
metadata = %[1]s/state
ui = basic

[Account bob]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = %[1]s/mail
sep = /

[Repository there]
type = IMAP
remotehost = localhost
remoteport = %[2]s
remoteuser = %[3]s
remotepass = %[4]s
ssl = yes
sslcacertfile = %[5]s
`, d.home, port(d.Ports.IMAPS), d.bob, testbed.Password, d.CAFile()))
	d.bothWays(t, func() { d.run(t, "", "offlineimap", "-c", rc, "-o") })
}

// bothWays lets sync, which keeps Maildirs below mail/ of the home folder, carry
// messages, flags, deletions and folders from each end to the other.
func (d *desk) bothWays(t *testing.T, sync func()) {
	t.Helper()
	mail := filepath.Join(d.home, "mail")
	if err := os.Mkdir(mail, 0o700); err != nil {
		t.Fatal(err)
	}
	d.do(t, "CREATE Projects/2026")
	for subject, flags := range map[string]string{"one": "", "two": "S", "three": "FS", "four": ""} {
		d.put(t, "INBOX", subject, flags)
	}
	d.put(t, "Projects/2026", "plan", "F")
	sync()
	d.agree(t, "INBOX", map[string]string{"one": "", "two": "S", "three": "FS", "four": ""})
	d.agree(t, "Projects/2026", map[string]string{"plan": "F"})

	// Here: one is read and answered, two is deleted, a folder is new, with its name
	// as IMAP spells it. There: three loses a flag, five comes, four goes away.
	inbox := files(t, filepath.Join(mail, "INBOX"))
	name, _, _ := strings.Cut(filepath.Base(inbox["one"]), ":2,")
	if err := os.Rename(inbox["one"], filepath.Join(mail, "INBOX", "cur", name+":2,RS")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(inbox["two"]); err != nil {
		t.Fatal(err)
	}
	fresh := d.maildir(t, "mail", "Entw&APw-rfe")
	if err := os.WriteFile(filepath.Join(fresh, "cur", "1.x:2,FS"), []byte(strings.ReplaceAll(d.letter("kept here"), "\r\n", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	d.do(t, "SELECT INBOX", "UID STORE 1:* -FLAGS (\\Flagged)", "CREATE Later", d.deleting(t, "four"), "EXPUNGE")
	d.put(t, "INBOX", "five", "S")
	sync()
	d.agree(t, "INBOX", map[string]string{"one": "RS", "three": "S", "five": "S"})
	d.agree(t, "Entw&APw-rfe", map[string]string{"kept here": "FS"})
	d.agree(t, "Later", map[string]string{})

	// Nothing has changed, so nothing is carried; then all that is there moves.
	sync()
	d.agree(t, "INBOX", map[string]string{"one": "RS", "three": "S", "five": "S"})
	d.do(t, "SELECT INBOX", "MOVE 1:* Later")
	sync()
	d.agree(t, "INBOX", map[string]string{})
	d.agree(t, "Later", map[string]string{"one": "RS", "three": "S", "five": "S"})
}

// deleting is the command that marks a message of INBOX as deleted.
func (d *desk) deleting(t *testing.T, subject string) string {
	t.Helper()
	c := d.bobs(t)
	if _, _, err := c.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	lines, err := c.OK("SEARCH SUBJECT %q", subject)
	if err != nil {
		t.Fatal(err)
	}
	return "STORE" + strings.TrimPrefix(lines[0].Text, "* SEARCH") + ` +FLAGS (\Deleted)`
}

// agree compares both ends with what they should hold.
func (d *desk) agree(t *testing.T, mailbox string, want map[string]string) {
	t.Helper()
	if got := d.there(t, mailbox); !maps.Equal(got, want) {
		t.Errorf("the server has %v in %s, not %v", got, mailbox, want)
	}
	if got := local(t, filepath.Join(d.home, "mail", mailbox)); !maps.Equal(got, want) {
		t.Errorf("the client has %v in %s, not %v", got, mailbox, want)
	}
}
