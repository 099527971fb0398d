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

func (d *desk) submit(t *testing.T, subject string) {
	t.Helper()
	if r, err := d.Submit(d.alice, testbed.Password, []string{d.bob}, []byte(d.letter(subject))); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
}

func TestFetchmail(t *testing.T) {
	d := newDesk(t)
	d.submit(t, "for fetchmail")
	out := filepath.Join(d.home, "fetched")
	rc := d.file(t, ".fetchmailrc", fmt.Sprintf("poll localhost service %s protocol imap username %q password %q "+
		"ssl sslcertck sslcertfile %q no rewrite mda \"cat >> %s\"\n", port(d.Ports.IMAPS), d.bob, testbed.Password, d.CAFile(), out))
	d.run(t, "", "fetchmail", "-f", rc, "--pidfile", filepath.Join(d.home, "pid"), "--nosyslog", "-v")
	b, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(b), "Subject: for fetchmail") {
		t.Errorf("%v\n%s", err, b)
	}
	if there := d.there(t, "INBOX"); len(there) != 0 {
		t.Errorf("fetchmail left %v", there)
	}
}

// TestGetmail takes two mailboxes, and then only what is new since.
func TestGetmail(t *testing.T) {
	d := newDesk(t)
	d.put(t, "INBOX", "first", "")
	d.put(t, "Archive", "second", "S")
	here := d.maildir(t, "got")
	d.file(t, "getmailrc", fmt.Sprintf(`[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = %s
username = %s
password = %s
ca_certs = %s
mailboxes = ("INBOX", "Archive")

[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat > %s/new/$$")
allow_root_commands = true

[options]
read_all = false
delivered_to = false
received = false
`, port(d.Ports.IMAPS), d.bob, testbed.Password, d.CAFile(), here))
	for range 2 {
		d.run(t, "", "getmail", "--getmaildir", d.home)
		if got := local(t, here); !maps.Equal(got, map[string]string{"first": "", "second": ""}) {
			t.Errorf("getmail has %v", got)
		}
	}
	d.put(t, "INBOX", "third", "")
	d.run(t, "", "getmail", "--getmaildir", d.home, "--delete")
	if got := local(t, here); len(got) != 3 {
		t.Errorf("getmail has %v", got)
	}
	for _, mailbox := range []string{"INBOX", "Archive"} {
		if there := d.there(t, mailbox); len(there) != 0 {
			t.Errorf("getmail left %v in %s", there, mailbox)
		}
	}
}
