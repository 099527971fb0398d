package differential

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestSameAnswersAsDovecot(t *testing.T) {
	w := newWorld(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { runScript(t, w.pair(t), f) })
	}
	t.Run("random", func(t *testing.T) { randomCommands(t, w) })
	t.Run("odd messages", func(t *testing.T) { oddMessages(t, w.pair(t)) })
	if t.Failed() {
		return
	}
	for _, d := range differences {
		if w.accepted.hits[d.Name] == 0 {
			t.Errorf("the difference %q does not occur any more: take it out of the table and of docs/imap.md", d.Name)
		}
	}
}
