package srs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func rewriter() *Rewriter {
	return &Rewriter{Secrets: [][]byte{[]byte("0123456789abcdef")}, Domain: "fwd.example", Now: at(now)}
}

func addr(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := address.ParseLiteralOK(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}

// TestGolden pins the form on the wire: addresses given out stay valid across
// releases. The hashes were computed apart from this code.
func TestGolden(t *testing.T) {
	for in, want := range map[string]string{
		"Alice.B@origin.example":                          "SRS0=LZJU4=BB=origin.example=Alice.B",
		"a=b+c-d@xn--bcher-kva.example":                   "SRS0=27LNI=BB=xn--bcher-kva.example=a=b+c-d",
		"用户@x.example":                                    "SRS0=KZ6T5=BB=x.example=用户",
		"SRS0=K7ZQ=XY=origin.example=alice@first.example": "SRS1=H2BIG=first.example==K7ZQ=XY=origin.example=alice",
		"SRS0+K7ZQ=XY=origin.example=alice@first.example": "SRS1=YKOMW=first.example=+K7ZQ=XY=origin.example=alice",
		"srs0-k7zq=xy=origin.example=a=b@first.example":   "SRS1=JOOHJ=first.example=-k7zq=xy=origin.example=a=b",
		// The hash of another SRS1 goes, its first forwarder stays.
		"SRS1=zzzz=first.example==K7ZQ=XY=origin.example=alice@second.example": "SRS1=H2BIG=first.example==K7ZQ=XY=origin.example=alice",
		"srs1+ZZ=FIRST.example==K7ZQ=XY=origin.example=alice@second.example":   "SRS1=H2BIG=first.example==K7ZQ=XY=origin.example=alice",
	} {
		got, err := rewriter().Forward(addr(t, in))
		if err != nil || got.Local != want || got.Domain != "fwd.example" {
			t.Errorf("%s became %s, %v", in, got, err)
			continue
		}
		back, err := rewriter().Reverse(got)
		if original := addr(t, in); strings.HasPrefix(strings.ToLower(in), "srs1") {
			original = addr(t, "SRS0=K7ZQ=XY=origin.example=alice@first.example")
			if back != original || err != nil {
				t.Errorf("%s went back to %s, %v", got, back, err)
			}
		} else if !address.Same(back, original) || err != nil {
			t.Errorf("%s went back to %s, %v", got, back, err)
		}
	}
}

func TestForwardKeepsTheNullReversePath(t *testing.T) {
	if got, err := rewriter().Forward(mail.Address{}); err != nil || !got.IsNull() {
		t.Errorf("%v, %v", got, err)
	}
}

// TestPeopleWithOddNames: what only looks like the scheme is a person's name.
func TestPeopleWithOddNames(t *testing.T) {
	for _, in := range []string{
		"srs0-fan@x.example", "SRS0@x.example", "srs0=a=b@x.example", "SRS1=a=b@x.example", "SRS0====@x.example",
		"SRS1=h=-nohost==h=t=d=u@x.example", "SRS1=h=x.example=h=t=d=u@x.example", "srs1.smith@x.example",
	} {
		if _, err := rewriter().Reverse(addr(t, in)); !errors.Is(err, ErrNotSRS) {
			t.Errorf("%s: %v", in, err)
		}
		got, err := rewriter().Forward(addr(t, in))
		if err != nil || !strings.HasPrefix(got.Local, "SRS0=") {
			t.Errorf("%s became %s, %v", in, got, err)
			continue
		}
		if back, err := rewriter().Reverse(got); err != nil || back != addr(t, in) {
			t.Errorf("%s came back as %s, %v", in, back, err)
		}
	}
}

func TestUnfit(t *testing.T) {
	for _, in := range []string{
		strings.Repeat("a", 36) + "@origin.example", // one octet too long
		"alice@[192.0.2.1]", "\u0338x@x.example",
	} {
		if got, err := rewriter().Forward(addr(t, in)); !errors.Is(err, ErrUnfit) {
			t.Errorf("%s became %s, %v", in, got, err)
		}
	}
	got, err := rewriter().Forward(addr(t, strings.Repeat("a", 35)+"@origin.example"))
	if err != nil || len(got.Local) != 64 {
		t.Errorf("%s (%d), %v", got, len(got.Local), err)
	}
}

func TestForged(t *testing.T) {
	good, _ := rewriter().Forward(addr(t, "alice@origin.example"))
	srs1, _ := rewriter().Forward(addr(t, "SRS0=K7ZQ=XY=origin.example=alice@first.example"))
	for _, tc := range []struct{ from, old, new string }{
		{good.Local, "alice", "bob"}, {good.Local, "origin", "other"}, {good.Local, "=BB=", "=BC="},
		{good.Local[:9], good.Local[:9], "SRS0=AAAAA" + good.Local[10:]}, {srs1.Local, "first", "other"},
		{srs1.Local, "K7ZQ", "K7ZR"}, {srs1.Local, "==", "=+"}, {good.Local, "SRS0=", "SRS0=A"},
	} {
		forged := mail.Address{Local: strings.Replace(tc.from, tc.old, tc.new, 1), Domain: "fwd.example"}
		if got, err := rewriter().Reverse(forged); !errors.Is(err, ErrForged) {
			t.Errorf("%s went to %s, %v", forged, got, err)
		}
	}
	other := rewriter()
	other.Secrets = [][]byte{[]byte("another secret..")}
	if _, err := other.Reverse(good); !errors.Is(err, ErrForged) {
		t.Errorf("another's secret: %v", err)
	}
}

func TestAge(t *testing.T) {
	r := rewriter()
	out, err := r.Forward(addr(t, "alice@origin.example"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		maxAge, later time.Duration
		want          error
	}{
		{0, 21 * day, nil}, {0, 22 * day, ErrExpired}, {7 * day, 7 * day, nil}, {7 * day, 8 * day, ErrExpired},
		{36 * time.Hour, 2 * day, nil}, {0, -day, nil}, {0, -2 * day, ErrExpired},
		{9999 * day, 1000 * day, nil}, {9999 * day, 1001 * day, ErrExpired}, {0, 500 * day, ErrExpired},
	} {
		r.MaxAge, r.Now = tc.maxAge, at(now.Add(tc.later))
		if _, err := r.Reverse(out); !errors.Is(err, tc.want) {
			t.Errorf("%v later with MaxAge %v: %v", tc.later, tc.maxAge, err)
		}
	}
}

func TestRotation(t *testing.T) {
	r := rewriter()
	old, _ := r.Forward(addr(t, "alice@origin.example"))
	r.Secrets = [][]byte{[]byte("fedcba9876543210"), r.Secrets[0]}
	for range 2 {
		if back, err := r.Reverse(old); err != nil || back.Local != "alice" {
			t.Errorf("%s: %v", back, err)
		}
		if old, _ = r.Forward(addr(t, "alice@origin.example")); strings.Contains(old.Local, "LZJU4") {
			t.Error("the first secret does not sign")
		}
	}
	r.Secrets = r.Secrets[1:]
	if _, err := r.Reverse(old); !errors.Is(err, ErrForged) {
		t.Errorf("a secret that is gone: %v", err)
	}
}

// TestNoSecret: an empty secret is one that everybody knows.
func TestNoSecret(t *testing.T) {
	for _, secrets := range [][][]byte{nil, {nil}, {{}}} {
		r := rewriter()
		r.Secrets = secrets
		if got, err := r.Forward(addr(t, "alice@origin.example")); err == nil {
			t.Errorf("signed %s", got)
		}
		known := digest(nil, "BB", "origin.example", "alice")
		if _, err := r.Reverse(mail.Address{Local: "SRS0=" + known + "=BB=origin.example=alice", Domain: "fwd.example"}); !errors.Is(err, ErrForged) {
			t.Errorf("an empty secret verifies: %v", err)
		}
	}
}
