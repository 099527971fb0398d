package clients

import (
	"maps"
	"testing"

	"postroom/e2e/testbed"
)

// TestImaplib runs Python's imaplib, that of Debian's package.
func TestImaplib(t *testing.T) {
	d := newDesk(t)
	d.run(t, "", "/usr/bin/python3", "testdata/with_imaplib.py", port(d.Ports.IMAPS), d.CAFile(), d.bob, testbed.Password)
	for mailbox, want := range map[string]map[string]string{
		"INBOX":      {"three": "S"},
		"Lists/done": {"one": "FS", "two": "S"},
	} {
		if got := d.there(t, mailbox); !maps.Equal(got, want) {
			t.Errorf("%s has %v, not %v", mailbox, got, want)
		}
	}
}
