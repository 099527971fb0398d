package imapd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Rights hold for every command because place is the only way from a name to a
// mailbox, and a selected mailbox is never taken for one of the user's own.
func TestPlaceIsTheOnlyWayToAMailbox(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatal("no sources", err)
	}
	wrong := regexp.MustCompile(`\.MailboxByName\(|identity\.Account, (\w+\.)*sel\.mailbox|identity\.Account, box\.ID`)
	for _, f := range files {
		if f == "place.go" || strings.HasSuffix(f, "_test.go") {
			continue
		}
		octets, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(octets), "\n") {
			if wrong.MatchString(line) {
				t.Errorf("%s:%d: %s", f, i+1, strings.TrimSpace(line))
			}
		}
	}
}
