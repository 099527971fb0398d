package imapd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAttackTable keeps the second table of docs/attacks.md the list of
// testdata/attack. Each file begins with two comments: what the attacker wants,
// and why it fails.
func TestAttackTable(t *testing.T) {
	page, err := os.ReadFile("../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "| IMAP case | what is tried | why it fails |\n| --- | --- | --- |\n")
	table, _, _ := strings.Cut(rest, "\n\n")
	got, want := strings.Split(strings.TrimSpace(table), "\n"), attackRows(t)
	if !slices.Equal(got, want) {
		t.Errorf("docs/attacks.md has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func attackRows(t *testing.T) (rows []string) {
	t.Helper()
	files, _ := filepath.Glob("testdata/attack/*.txt")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitN(string(text), "\n", 3)
		tried, one := strings.CutPrefix(lines[0], "# ")
		fails, two := strings.CutPrefix(lines[1], "# ")
		if !one || !two || !strings.HasSuffix(tried, ".") || !strings.HasSuffix(fails, ".") {
			t.Errorf("%s does not begin with what is tried and why it fails", f)
		}
		rows = append(rows, "| "+strings.TrimSuffix(filepath.Base(f), ".txt")+" | "+tried+" | "+fails+" |")
	}
	return rows
}
