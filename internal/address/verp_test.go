package address

import "testing"

func TestUnnumbered(t *testing.T) {
	for in, want := range map[string]string{
		"Alice":                             "alice",
		"bounce-12345-67":                   "bounce-#-#",
		"list-return-99-bob=example.test":   "list-return-#-bob",
		"bounces+4711-ab12-bob=example.org": "bounces",
		"prvs=0123abcdef=bob":               "prvs",
		"+odd":                              "+odd",
		"a1b2":                              "a#b#",
	} {
		if got := Unnumbered(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
