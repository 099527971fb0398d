package casemap

import (
	"bytes"
	"testing"
)

func TestCollation(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"abc", "ABC", 0}, {"", "a", -1}, {"a", "b", -1}, {"B", "a", 1}, {"_", "a", 1},
		{"É", "e\u0301", 0}, {"é", "E\u0301", 0}, {"é", "f", -1}, {"é", "e", 1}, // beside the letter without a mark
		{"ậ", "a\u0302\u0323", 0}, {"ﬁ", "fi", 1}, {"ﬁ", "\ufb01", 0}, {"Ａ", "a", 0}, // compatibility forms
		{"ǆ", "ǅ", 0}, {"Ǆ", "ǅ", 0},
		{"ß", "SS", 1}, {"straße", "STRASSE", 1}, {"я", "Я", 0}, {"ς", "Σ", 0},
		{"\xff", "\xff", 0}, {"\xffa", "\xffA", 0}, {"a", "\xff", -1},
	} {
		if got := bytes.Compare(Key(c.a), Key(c.b)); got != c.want {
			t.Errorf("%q and %q: %d, want %d (%q, %q)", c.a, c.b, got, c.want, Key(c.a), Key(c.b))
		}
	}
}

func TestAppendKeepsWhatWasThere(t *testing.T) {
	for _, s := range []string{"", "abc", "Grüße", "\u0301x"} {
		if got := Append([]byte("e"), []byte(s)); !bytes.HasPrefix(got, []byte("e")) || !bytes.Equal(got[1:], Key(s)) {
			t.Errorf("%q: %q", s, got)
		}
	}
}
