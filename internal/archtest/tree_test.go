package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

// maxLines bounds a Go file: a file names one command or one thing.
const maxLines = 500

// goFiles walks the module's Go files, with paths relative to its root.
func goFiles(t *testing.T, visit func(path string, text string)) {
	t.Helper()
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || rel == "bin" || rel == "var") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err == nil {
			visit(rel, string(raw))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFileSizes(t *testing.T) {
	goFiles(t, func(path, text string) {
		if n := strings.Count(text, "\n"); n > maxLines {
			t.Errorf("%s has %d lines, more than %d", path, n, maxLines)
		}
	})
}

var citedRE = regexp.MustCompile(`RFC[  ]?(\d{3,5})`)

// TestCitedRFCs: whoever cites an RFC says in docs/rfcs.md how far it is kept.
func TestCitedRFCs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/rfcs.md")
	if err != nil {
		t.Fatalf("docs/rfcs.md: %v", err)
	}
	listed := map[string]bool{}
	for _, m := range citedRE.FindAllStringSubmatch(string(raw), -1) {
		listed[m[1]] = true
	}
	// A table may name them by number alone, in its first column.
	for _, m := range regexp.MustCompile(`(?m)^\|\s*\[?(\d{3,5})\b`).FindAllStringSubmatch(string(raw), -1) {
		listed[m[1]] = true
	}
	missing := map[string]string{}
	goFiles(t, func(path, text string) {
		if strings.HasPrefix(path, "internal/archtest/") {
			return
		}
		for _, m := range citedRE.FindAllStringSubmatch(text, -1) {
			if !listed[m[1]] && missing[m[1]] == "" {
				missing[m[1]] = path
			}
		}
	})
	var lines []string
	for n, path := range missing {
		lines = append(lines, fmt.Sprintf("RFC %s is cited in %s and not listed in docs/rfcs.md", n, path))
	}
	sort.Strings(lines)
	for _, l := range lines {
		t.Error(l)
	}
}
