package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

func (d *desk) submit(t *testing.T, subject string) {
	t.Helper()
	if r, err := d.Submit(alice, testbed.Password, []string{bob}, []byte(letter(subject))); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
}

func TestFetchmail(t *testing.T) {
	d := newDesk(t)
	d.submit(t, "for fetchmail")
	out := filepath.Join(d.home, "fetched")
	rc := d.file(t, ".fetchmailrc", fmt.Sprintf("poll localhost service %s protocol imap username %q password %q "+
		"ssl sslcertck sslcertfile %q no rewrite mda \"cat >> %s\"\n", port(d.Ports.IMAPS), bob, testbed.Password, d.CAFile(), out))
	d.run(t, "", "fetchmail", "-f", rc, "--pidfile", filepath.Join(d.home, "pid"), "--nosyslog", "-v")
	b, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(b), "Subject: for fetchmail") {
		t.Errorf("%v\n%s", err, b)
	}
	c, err := d.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, _, err := c.Select("INBOX"); err != nil || n != 0 {
		t.Errorf("fetchmail left %d messages, %v", n, err)
	}
}

func (d *desk) mbsyncrc(t *testing.T) string {
	return d.file(t, "mbsyncrc", fmt.Sprintf(`IMAPAccount postroom
Host localhost
Port %s
User %s
Pass "%s"
SSLType IMAPS
CertificateFile %s

IMAPStore there
Account postroom

MaildirStore here
Path %s/mail/
Inbox %s/mail/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Both
Expunge Both
SyncState *
`, port(d.Ports.IMAPS), bob, testbed.Password, d.CAFile(), d.home, d.home))
}

func TestMbsyncBothWays(t *testing.T) {
	d := newDesk(t)
	d.submit(t, "for mbsync")
	if err := os.Mkdir(filepath.Join(d.home, "mail"), 0o700); err != nil {
		t.Fatal(err)
	}
	rc := d.mbsyncrc(t)
	d.run(t, "", "mbsync", "-c", rc, "-a")
	files, _ := filepath.Glob(filepath.Join(d.home, "mail", "INBOX", "new", "*"))
	if len(files) != 1 {
		t.Fatalf("mbsync brought %v", files)
	}
	// Locally: the message is read and answered, a folder with a message is new
	// (isync 1.4 keeps names as IMAP spells them).
	cur := filepath.Join(d.home, "mail", "INBOX", "cur", filepath.Base(files[0])+"RS")
	if !strings.Contains(files[0], ":2,") {
		cur = filepath.Join(d.home, "mail", "INBOX", "cur", filepath.Base(files[0])+":2,RS")
	}
	if err := os.Rename(files[0], cur); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(d.home, "mail", "Entw&APw-rfe", sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(d.home, "mail", "Entw&APw-rfe", "cur", "1.x:2,FS"),
		[]byte(strings.ReplaceAll(letter("kept here"), "\r\n", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	d.run(t, "", "mbsync", "-c", rc, "-a")
	c, err := d.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := c.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	lines, err := c.OK("FETCH 1 FLAGS")
	if err != nil || len(lines) == 0 || !strings.Contains(lines[0].Text, `\Answered`) || !strings.Contains(lines[0].Text, `\Seen`) {
		t.Errorf("flags did not come over: %v %v", lines, err)
	}
	d.arrived(t, "Entw&APw-rfe", "kept here")
	// There: the message is deleted; mbsync takes it away here.
	if _, err := c.OK(`STORE 1 +FLAGS (\Deleted)`); err != nil {
		t.Fatal(err)
	}
	if _, err := c.OK("EXPUNGE"); err != nil {
		t.Fatal(err)
	}
	d.run(t, "", "mbsync", "-c", rc, "-a")
	if _, err := os.Stat(cur); !os.IsNotExist(err) {
		left, _ := filepath.Glob(filepath.Join(d.home, "mail", "INBOX", "cur", "*"))
		t.Errorf("the expunged message is still here: %v", left)
	}
}

func TestMutt(t *testing.T) {
	d := newDesk(t)
	rc := d.file(t, "muttrc", fmt.Sprintf(`set from = "%[1]s"
set realname = "Alice"
set smtp_url = "smtps://%[1]s@localhost:%[2]s/"
set smtp_pass = "%[3]s"
set certificate_file = "%[4]s"
set ssl_usesystemcerts = no
set imap_user = "%[5]s"
set imap_pass = "%[3]s"
set folder = "imaps://localhost:%[6]s/"
set spoolfile = "+INBOX"
set copy = no
set quit = yes
set delete = yes
set wait_key = no
set pipe_decode = no
`, alice, port(d.Ports.Submissions), testbed.Password, d.CAFile(), bob, port(d.Ports.IMAPS)))
	d.run(t, "Dear Bob,\n", "mutt", "-F", rc, "-s", "by mutt", "--", bob)
	d.arrived(t, "INBOX", "by mutt")
	out := filepath.Join(d.home, "piped")
	cmd := fmt.Sprintf(`mutt -F %s -e 'push "<pipe-message>cat > %s<enter><delete-message><quit>"'`, rc, out)
	d.run(t, "", "script", "-qec", cmd, "/dev/null")
	b, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(b), "Dear Bob,") {
		t.Errorf("mutt showed something else: %v %s", err, b)
	}
	c, err := d.IMAPS(bob, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, _, err := c.Select("INBOX"); err != nil || n != 0 {
		t.Errorf("mutt deleted the message and %d are there, %v", n, err)
	}
}
