package differential

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// Every accepted difference is explained in docs/imap.md, and nothing else is.
func TestDocsExplainEveryDifference(t *testing.T) {
	page, err := os.ReadFile("../../../docs/imap.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Differences from Dovecot\n")
	if !ok {
		t.Fatal("docs/imap.md has no section of that name")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	explained := map[string]bool{}
	for line := range strings.SplitSeq(section, "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 4 && strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| ---") {
			explained[strings.ReplaceAll(strings.TrimPrefix(cells[0], "| "), "`", "")] = true
		}
	}
	delete(explained, "what")
	accepted := map[string]bool{}
	for _, d := range differences {
		accepted[d.Name] = true
	}
	if want, got := slices.Sorted(maps.Keys(accepted)), slices.Sorted(maps.Keys(explained)); !slices.Equal(want, got) {
		t.Errorf("docs/imap.md explains\n%s\nthe table accepts\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
