package searchtext

import (
	"strings"
	"testing"
	"testing/iotest"
)

// However the text comes in, a match is found: across windows, in any case,
// beside and inside what is not ASCII.
func TestMatcherFindsAcrossWindows(t *testing.T) {
	long := strings.Repeat("x", window-3)
	for _, c := range []struct {
		text, needle string
		want         bool
	}{
		{"one TWO three", "two t", true}, {"one", "one more", false}, {"", "a", false}, {"a", "", true},
		{long + "NEEDLE" + long, "needle", true}, {long + "NEEDL" + long, "needle", false},
		{long + "Grüße" + long, "GRÜSSE", false}, {long + "GRÜ" + long, "grü", true}, {"é" + long + "End", "xEND", true},
		{long + long + "tail", strings.Repeat("X", window+10) + "TAIL", true},
		{strings.Repeat("x", window-1) + "e\u0301" + long, "é", true}, {strings.Repeat("\u0301", 3*window) + "end", "END", true},
		{"ÄÖÜ" + strings.Repeat("ab", window), "abab", true}, {"\xff\xfe needle \xff", "NEEDLE", true},
	} {
		m := NewMatcher(c.needle)
		for name, r := range map[string]func() (bool, error){
			"whole":  func() (bool, error) { return m.text(strings.NewReader(c.text)) },
			"single": func() (bool, error) { return m.text(iotest.OneByteReader(strings.NewReader(c.text))) },
			"data and end": func() (bool, error) {
				return m.text(iotest.DataErrReader(strings.NewReader(c.text)))
			},
		} {
			if got, err := r(); got != c.want || err != nil {
				t.Errorf("%s: %.20q in %d octets: %v, %v", name, c.needle, len(c.text), got, err)
			}
		}
	}
}
