package config

import (
	"os"
	"regexp"
	"testing"
)

// TestDocs: docs/configuration.md lists every key with its default and
// variable, and no other.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (?:`([^`]*)`)? ?\\| `(POSTROOM_[A-Z_]+)` \\| (.+) \\|$")
	rows := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(raw), -1) {
		if rows[m[1]] != nil {
			t.Errorf("docs/configuration.md lists %s twice", m[1])
		}
		rows[m[1]] = m
	}
	for _, k := range keys {
		m := rows[k.name]
		if m == nil {
			t.Errorf("docs/configuration.md has no row for %s", k.name)
			continue
		}
		if m[2] != k.def {
			t.Errorf("docs/configuration.md says that %s is %q by default; it is %q", k.name, m[2], k.def)
		}
		if m[3] != k.variable() {
			t.Errorf("docs/configuration.md says that the variable of %s is %s; it is %s", k.name, m[3], k.variable())
		}
		delete(rows, k.name)
	}
	for name := range rows {
		t.Errorf("docs/configuration.md lists %s, which is no key", name)
	}
}
