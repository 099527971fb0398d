// Package move takes a mailbox over from another server by mbsync, as
// docs/migration.md says.
package move

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

const account = "alice@example.test"

func TestMoveFromDovecotKeepsFlagsAndDates(t *testing.T) {
	oldAddr := testbed.Dovecot(t, "")
	old, err := client.DialIMAP(oldAddr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := old.Login("alice", testbed.DovecotPassword); err != nil {
		t.Fatal(err)
	}
	fill(t, old)
	inst := testbed.Company(t, testbed.Options{}, "example.test", "alice")
	rc := filepath.Join(t.TempDir(), "mbsyncrc")
	if err := os.WriteFile(rc, []byte(config(oldAddr, inst, filepath.Dir(rc))), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mbsync", "-c", rc, "-a").CombinedOutput(); err != nil {
		t.Fatalf("mbsync: %v\n%s", err, out)
	}
	moved, err := inst.IMAPS(account, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	for _, box := range []string{"INBOX", "Projects", "Archive"} {
		want, got := read(t, old, box), read(t, moved, box)
		if len(want) == 0 || !slices.Equal(want, got) {
			t.Errorf("%s has\n%s\nthe old server has\n%s", box, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// config is docs/migration.md's, with this test's addresses.
func config(oldAddr string, inst *testbed.Instance, dir string) string {
	host, port, _ := net.SplitHostPort(oldAddr)
	_, newPort, _ := net.SplitHostPort(inst.Ports.IMAPS)
	return fmt.Sprintf(`IMAPAccount old
Host %s
Port %s
User alice
Pass old
SSLType None

IMAPAccount new
Host localhost
Port %s
User %s
Pass "%s"
SSLType IMAPS
CertificateFile %s

IMAPStore old
Account old

IMAPStore new
Account new

Channel move
Far :old:
Near :new:
Patterns *
Sync Pull
Create Both
CopyArrivalDate yes
SyncState %s/
`, host, port, newPort, account, testbed.Password, inst.CAFile(), dir)
}

// fill puts messages with flags and dates on the old server.
func fill(t *testing.T, c *client.IMAP) {
	t.Helper()
	for _, box := range []string{"Projects", "Archive"} {
		if _, err := c.OK("CREATE %s", box); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, box := range []string{"INBOX", "Projects", "Archive"} {
		for _, flags := range []string{"", `\Seen`, `\Seen \Answered`, `\Flagged`, `\Draft`} {
			n++
			msg := fmt.Sprintf("From: a@example.org\r\nSubject: %s %d\r\nMessage-ID: <%d@example.org>\r\n\r\nGr\xc3\xbc\xc3\x9fe %d\r\n", box, n, n, n)
			_, err := c.OK("APPEND %s (%s) \"%02d-Mar-2021 10:11:%02d +0000\" {%d+}\r\n%s", box, flags, n, n, len(msg), msg)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// read gives flags, date and text of each message, sorted.
func read(t *testing.T, c *client.IMAP, box string) []string {
	t.Helper()
	if _, _, err := c.Select(box); err != nil {
		t.Fatal(err)
	}
	lines, err := c.OK("FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range lines {
		if len(l.Literals) != 1 {
			continue
		}
		var flags []string
		for _, f := range []string{`\Seen`, `\Answered`, `\Flagged`, `\Draft`, `\Deleted`} {
			if strings.Contains(l.Text, f) {
				flags = append(flags, f)
			}
		}
		_, date, _ := strings.Cut(l.Text, `INTERNALDATE "`)
		date, _, _ = strings.Cut(date, `"`)
		at, err := time.Parse("2-Jan-2006 15:04:05 -0700", strings.TrimSpace(date))
		if err != nil {
			t.Fatal(err)
		}
		// mbsync puts a line of its own into what it copies.
		body := regexp.MustCompile(`X-TUID: .*\r\n`).ReplaceAll(l.Literals[0], nil)
		out = append(out, fmt.Sprintf("%v %s %q", flags, at.UTC(), body))
	}
	slices.Sort(out)
	return out
}
