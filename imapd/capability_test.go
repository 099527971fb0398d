package imapd

import (
	"os"
	"path/filepath"
	"testing"
)

// Every capability has transcripts, and every folder belongs to one.
func TestCapabilitiesHaveTranscripts(t *testing.T) {
	owned := map[string]bool{}
	for _, c := range capabilities {
		owned[c.transcripts] = true
		if files, _ := filepath.Glob(filepath.Join("testdata", c.transcripts, "*.txt")); len(files) == 0 {
			t.Errorf("%s has no transcript in testdata/%s", c.name, c.transcripts)
		}
		if c.rfc == "" || c.states == 0 {
			t.Errorf("%s: the row is not complete", c.name)
		}
	}
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !owned[f.Name()] && f.Name() != "fuzz" && f.Name() != "attack" {
			t.Errorf("testdata/%s belongs to no capability", f.Name())
		}
	}
}

func TestMatchMailbox(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a/b", true}, {"%", "a/b", false}, {"%", "a", true}, {"a/%", "a/b", true}, {"a%", "a/b", false},
		{"%/b", "a/b", true}, {"*b", "a/b", true}, {"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "A", false},
		{"%%*%", "x/y/z", true}, {"a*c%e", "abcde", true}, {"a*c%e", "abc/e", false},
		{"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if got := matchMailbox(c.pattern, c.name); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestSpanSlices(t *testing.T) {
	sp := span{mem: []byte("abc"), off: 10, n: 7}
	for _, c := range []struct {
		offset, count int64
		mem           string
		off, n        int64
	}{
		{0, 100, "abc", 10, 7}, {0, 2, "ab", 10, 0}, {1, 4, "bc", 10, 2}, {3, 3, "", 10, 3}, {5, 100, "", 12, 5}, {10, 1, "", 17, 0}, {99, 5, "", 17, 0},
	} {
		got := sp.slice(c.offset, c.count)
		if string(got.mem) != c.mem || got.off != c.off || got.n != c.n {
			t.Errorf("slice(%d, %d) = %q, %d, %d", c.offset, c.count, got.mem, got.off, got.n)
		}
	}
}
