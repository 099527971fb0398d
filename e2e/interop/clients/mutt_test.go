package clients

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postroom/e2e/testbed"
)

func TestMutt(t *testing.T)    { mutt(t, "mutt") }
func TestNeomutt(t *testing.T) { mutt(t, "neomutt") }

// mutt sends, reads, flags, files and deletes, and comes back to a mailbox that
// it remembers, by QRESYNC where the program has it.
func mutt(t *testing.T, program string) {
	d := newDesk(t)
	rc := d.muttrc(t)
	d.run(t, "Dear Bob,\n", program, "-F", rc, "-s", "by mutt", "--", d.bob)
	d.arrived(t, "INBOX", "by mutt")
	for _, subject := range []string{"to file", "to flag", "to delete"} {
		d.put(t, "INBOX", subject, "")
	}
	d.keys(t, program, rc, `<limit>~s by.mutt<enter><pipe-message>cat > `+d.home+`/piped<enter><limit>all<enter>`+
		`<search>~s to.file<enter><save-message>=Archive<enter>`+
		`<search>~s to.flag<enter><flag-message><search>~s to.delete<enter><delete-message><quit>`)
	b, err := os.ReadFile(filepath.Join(d.home, "piped"))
	if err != nil || !strings.Contains(string(b), "Dear Bob,") {
		t.Errorf("%s showed something else: %v %s", program, err, b)
	}
	if got := d.there(t, "Archive"); len(got) != 1 || got["to file"] == "" && !hasKey(got, "to file") {
		t.Errorf("the archive has %v", got)
	}
	inbox := d.there(t, "INBOX")
	if want := []string{"by mutt", "to flag"}; !slices.Equal(slices.Sorted(maps.Keys(inbox)), want) || !strings.Contains(inbox["to flag"], "F") {
		t.Errorf("the inbox has %v, not %v", inbox, want)
	}
	// Meanwhile, elsewhere: one goes, one comes, one is no longer flagged.
	d.do(t, "SELECT INBOX", d.deleting(t, "by mutt"), "EXPUNGE", `STORE 1 -FLAGS (\Flagged)`)
	d.put(t, "INBOX", "new", "F")
	d.keys(t, program, rc, `<tag-pattern>~F<enter><tag-prefix><pipe-message>cat > `+d.home+`/flagged<enter><untag-pattern>~A<enter>`+
		`<tag-pattern>!~F<enter><tag-prefix><pipe-message>cat > `+d.home+`/plain<enter><quit>`)
	for file, want := range map[string]string{"flagged": "new", "plain": "to flag"} {
		b, err := os.ReadFile(filepath.Join(d.home, file))
		found := subjectField.FindAllStringSubmatch(string(b), -1)
		if err != nil || len(found) != 1 || found[0][1] != want {
			t.Errorf("%s has %q as %s, not %q, %v", program, found, file, want, err)
		}
	}
}

func hasKey(m map[string]string, key string) bool { _, ok := m[key]; return ok }

func (d *desk) muttrc(t *testing.T) string {
	t.Helper()
	cache := filepath.Join(d.home, "cache")
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	return d.file(t, "muttrc", fmt.Sprintf(`set from = "%[1]s"
set realname = "Alice"
set smtp_url = "smtps://%[1]s@localhost:%[2]s/"
set smtp_pass = "%[3]s"
set certificate_file = "%[4]s"
set ssl_usesystemcerts = no
set imap_user = "%[5]s"
set imap_pass = "%[3]s"
set folder = "imaps://localhost:%[6]s/"
set spoolfile = "+INBOX"
set header_cache = "%[7]s"
set imap_condstore = yes
set imap_qresync = yes
set copy = no
set quit = yes
set delete = yes
set confirmappend = no
set mark_old = no
set wait_key = no
set wrap_search = yes
set pipe_decode = no
`, d.alice, port(d.Ports.Submissions), testbed.Password, d.CAFile(), d.bob, port(d.Ports.IMAPS), cache))
}

// keys starts the program on a terminal and types.
func (d *desk) keys(t *testing.T, program, rc, keys string) {
	t.Helper()
	file := d.file(t, "keys", fmt.Sprintf("push %q\n", keys))
	d.run(t, "", "script", "-qec", fmt.Sprintf("%s -F %s -e 'source %s'", program, rc, file), "/dev/null")
}
