package authres_test

import (
	"bytes"
	"strings"
	"testing"

	"postroom/internal/authres"
	"postroom/internal/message"
)

// TestForeign goes through the spellings of "this field is ours" (RFC 8601
// §2.2, §5), the honest ones and those that only a lenient reader takes.
func TestForeign(t *testing.T) {
	for field, cut := range map[string]bool{
		"Authentication-Results: mx.us.test; spf=pass":                            true,
		"AUTHENTICATION-results:mx.us.test;none":                                  true,
		"Authentication-Results \t: mx.us.test; spf=pass":                         true,
		"Authentication-Results\r\n : mx.us.test; spf=pass":                       true, // obs-optional, folded
		"Authentication-\x00Results: mx.us.test; spf=pass":                        true,
		"\x0bAuthentication-Results: mx.us.test; spf=pass":                        true,
		"Authentication-Results\u00a0: mx.us.test; spf=pass":                      true,
		"Authentication Results: mx.us.test; spf=pass":                            false,
		"Authentication-Results":                                                  false,
		"Authentication-Results: MX.Us.TEST; spf=pass":                            true,
		"Authentication-Results: mx.us.test.; spf=pass":                           true,
		"Authentication-Results: mx.us.test 1; spf=pass":                          true,
		"Authentication-Results: mx.us.test 01 ; spf=pass":                        true,
		"Authentication-Results: mx.us.test/1; spf=pass":                          true,
		"Authentication-Results: mx.us.test":                                      true,
		"Authentication-Results:\r\n mx.us.test;\r\n spf=pass":                    true,
		"Authentication-Results:\r\n\t\r\n\tmx.us.test\r\n\t; spf=pass":           true,
		"Authentication-Results: (hi) mx.us.test (there) 1 (you); spf=pass":       true,
		"Authentication-Results: (a (nested\\) \\( (c)) x;) mx.us.test; spf=pass": true,
		"Authentication-Results: (a;\r\n b) mx.us.test(x); spf=pass":              true,
		`Authentication-Results: "mx.us.test"; spf=pass`:                          true,
		`Authentication-Results: "mx.\us.te\st" 1; spf=pass`:                      true,
		`Authentication-Results: " mx.us.test "; spf=pass`:                        true,
		"Authentication-Results: \"mx.us\r\n .test\"; spf=pass":                   true,
		"Authentication-Results: ｍｘ．ｕｓ．test; spf=pass":                            true,
		"Authentication-Results: mx。us。test; spf=pass":                            true,
		"Authentication-Results: xn--bcher-kva.example; spf=pass":                 true,
		"Authentication-Results: XN--BCHER-KVA.example; spf=pass":                 true,
		"Authentication-Results: bücher.example; spf=pass":                        true,
		"Authentication-Results: BÜCHER.EXAMPLE; spf=pass":                        true,
		"Authentication-Results: bu\u0308cher.example; spf=pass":                  true,
		`Authentication-Results: "bücher.example"; spf=pass`:                      true,
		"Authentication-Results: mx.us.test 2; spf=pass":                          true, // a version of the future
		"Authentication-Results: other.test 2; spf=pass":                          true,
		"Authentication-Results: mx . us . test; spf=pass":                        true, // no head that can be read
		"Authentication-Results: mx.us.test spf=pass":                             true,
		"Authentication-Results: ; spf=pass":                                      true,
		"Authentication-Results:":                                                 true,
		"Authentication-Results: spf=pass smtp.mailfrom=us.test":                  true,
		"Authentication-Results: (never ends mx.us.test; spf=pass":                true,
		"Authentication-Results: \"mx.us.test; spf=pass":                          true,
		"Authentication-Results: \"mx.us.test\\":                                  true,
		"Authentication-Results: mx.us.test\x00; spf=pass":                        true,
		"Authentication-Results: mx.us\u200b.test; spf=pass":                      true,
		"Authentication-Results: mx.us.test\xff; spf=pass":                        true,
		"Authentication-Results: =?utf-8?q?mx.us.test?=; spf=pass":                true,
		"Authentication-Results: mx.us.test\x0b; spf=pass":                        true,
		"Authentication-Results: <mx.us.test>; spf=pass":                          true,
		"Authentication-Results: other.test; spf=pass":                            false,
		"Authentication-Results: other.test 1; spf=pass":                          false,
		"Authentication-Results: other.test (mx.us.test); spf=pass":               false,
		"Authentication-Results: (mx.us.test;) other.test; spf=pass":              false,
		`Authentication-Results: (a \) b) other.test (\\); spf=pass`:              false,
		"Authentication-Results: \"other.test\r\n \"; spf=pass":                   false,
		"Authentication-Results: us.test; spf=pass":                               false,
		"Authentication-Results: a.mx.us.test; spf=pass":                          false,
		"Authentication-Results: mx.us.test.evil.test; spf=pass":                  false,
		`Authentication-Results: "other.test"; spf=pass`:                          false,
		"Authentication-Results: example-auth; none":                              false,
		"Authentication-Results: bucher.example; spf=pass":                        false,
		"ARC-Authentication-Results: i=1; mx.us.test; spf=pass":                   false,
		"X-Authentication-Results: mx.us.test; spf=pass":                          false,
		"Subject: Authentication-Results: mx.us.test; spf=pass":                   false,
		"Subject: x\r\n Authentication-Results: mx.us.test; spf=pass":             false,
		"Authentication-Results-Old: mx.us.test; spf=pass":                        false,
	} {
		before, after := "From: a@b.test\r\n", "To: c@d.test\r\n\r\nAuthentication-Results: mx.us.test; spf=pass\r\n"
		header := before + field + "\r\n" + after
		want := before + after
		if !cut {
			want = header
		}
		if got := authres.Remove([]byte(header), "MX.us.test", "bücher.example"); string(got) != want {
			t.Errorf("%q: %q", field, got)
		}
	}
}

func TestForeignRanges(t *testing.T) {
	ours, other := "Authentication-Results: us.test;\r\n spf=pass\r\n", "Received: by x\r\n\twith y\r\n"
	cuts := authres.Foreign([]byte(ours+ours+other+ours+"\r\n"), "us.test")
	n := len(ours)
	want := []authres.Range{{Start: 0, End: n}, {Start: n, End: 2 * n}, {Start: 2*n + len(other), End: 3*n + len(other)}}
	if len(cuts) != len(want) || cuts[0] != want[0] || cuts[1] != want[1] || cuts[2] != want[2] {
		t.Errorf("%v, want %v", cuts, want)
	}
	header := []byte(other + "\r\n")
	if got := authres.Remove(header, "us.test"); &got[0] != &header[0] {
		t.Error("a header with nothing to remove was copied")
	}
	if got := authres.Remove([]byte("Authentication-Results: us.test; spf=pass"), "us.test"); len(got) != 0 {
		t.Errorf("without a line end: %q", got)
	}
}

// FuzzRemove: what stays is what was there without whole fields of that name,
// and nothing in it claims to be ours, to a reader that splits without care.
func FuzzRemove(f *testing.F) {
	f.Add([]byte("Authentication-Results: us.test; spf=pass\r\nA: b\r\n\r\n"))
	f.Add([]byte("A: b\r\nauthentication-results :\r\n (c) \"us.\\test\" 1; x\r\n\r\nbody"))
	f.Fuzz(func(t *testing.T, header []byte) {
		got := authres.Remove(header, "us.test")
		if again := authres.Remove(got, "us.test"); !bytes.Equal(again, got) {
			t.Errorf("twice: %q, then %q", got, again)
		}
		var kept [][]byte
		for f := range message.Fields(header) {
			if !named(f) {
				kept = append(kept, f.Raw)
			}
		}
		for f := range message.Fields(got) {
			if !named(f) {
				if len(kept) == 0 || !bytes.Equal(kept[0], f.Raw) {
					t.Fatalf("%q lost or gained a field: %q", header, got)
				}
				kept = kept[1:]
				continue
			}
			_, value, _ := strings.Cut(string(f.Raw), ":")
			id, _, _ := strings.Cut(value, ";")
			if strings.EqualFold(strings.Trim(id, " \t\r\n\"."), "us.test") {
				t.Errorf("%q stays", f.Raw)
			}
		}
		if len(kept) > 0 {
			t.Errorf("%q lost %q", header, kept)
		}
	})
}

// named tells whether a field has the name to somebody.
func named(f message.Field) bool {
	n, _, found := strings.Cut(string(f.Raw), ":")
	n = strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f {
			return -1
		}
		return c
	}, n)
	return found && strings.EqualFold(n, "Authentication-Results")
}
