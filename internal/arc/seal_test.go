package arc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"postroom/internal/dkim/canon"
	"postroom/internal/dkim/sig"
)

// TestFailedChainIsSealedAlone: RFC 8617 §5.1.2 and §5.1 step 2.
func TestFailedChainIsSealedAlone(t *testing.T) {
	first, body := chain(t)
	broken := strings.Replace(first, "hop=1", "hop=9", 1)
	sealed := hop(t, 4, broken, body, broken, body)
	if !strings.Contains(sealed, "cv=fail") || !strings.HasPrefix(sealed, "ARC-Seal: i=4;") {
		t.Fatalf("%.200s", sealed)
	}
	if got := validate(sealed, body, &zone{}); got.Status != sig.Fail || got.Reason != "seal 4 says cv=fail" || got.Instances != 4 {
		t.Errorf("%+v", got)
	}
	// The new seal is good over its own set alone.
	sets, _, _ := collect(canon.NewHeader([]byte(sealed)))
	keys := sig.Keys{}
	keys.Fetch(t.Context(), &zone{}, []string{"sel._domainkey.hop4.example"})
	if bad := verify(sets[3].as, sealDigests(sets[3:])[0], keys); bad != nil {
		t.Error(bad)
	}
	if bad := verify(sets[3].as, sealDigests(sets)[3], keys); bad == nil {
		t.Error("the seal covers the failed chain")
	}
	if again := hop(t, 5, sealed, body, sealed, body); again != sealed {
		t.Errorf("a chain that ended goes on: %.300s", again)
	}
}

// TestFullChain: no set is added behind i=50, and fifty are good.
func TestFullChain(t *testing.T) {
	full := header
	for n := 1; n <= MaxInstance; n++ {
		full = hop(t, n, full, body, full, body)
	}
	z := &zone{}
	if got := validate(full, body, z); got.Status != sig.Pass || got.Instances != 50 || got.OldestPass != 0 || len(got.Sets) != 50 {
		t.Fatalf("%+v", got)
	}
	if more := hop(t, 51, full, body, full, body); more != full {
		t.Errorf("one more: %.200s", more)
	}
	crowd := "ARC-Seal: i=50; x\r\n" + full
	if got := validate(crowd, body, z); got.Status != sig.Fail || got.Reason != "more than 50 sets" {
		t.Errorf("%+v", got)
	}
}

// TestSealRefuses: what must not be sealed.
func TestSealRefuses(t *testing.T) {
	sealed := hop(t, 1, header, body, header, body)
	passed := validate(sealed, body, &zone{})
	_, bodies := pass(body, func(*canon.Bodies) *Validator { return nil })
	for _, c := range []struct {
		name, header, results string
		chain                 Result
		want                  error
	}{
		{"a chain that was not validated", sealed, "", Result{Status: sig.None}, ErrChain},
		{"a chain that is not there", header, "", passed, ErrChain},
		{"no result", header, "", Result{}, ErrChain},
		{"a chain broken since", "ARC-Seal: i=2; x\r\n" + sealed, "", passed, ErrChain},
		{"a field in the results", header, "none\r\nX: y", Result{Status: sig.None}, ErrResults},
		{"a bare line end in the results", header, "none\ny", Result{Status: sig.None}, ErrResults},
		{"endless results", header, strings.Repeat("x", sig.MaxField), Result{Status: sig.None}, ErrResults},
	} {
		fields, err := sealer(1).Seal([]byte(c.header), bodies, c.chain, c.results, now)
		if !errors.Is(err, c.want) || fields != "" {
			t.Errorf("%s: %q, %v", c.name, fields, err)
		}
	}
	if _, err := sealer(1).Seal([]byte(header), &canon.Bodies{}, Result{Status: sig.None}, "", now); !errors.Is(err, ErrBody) {
		t.Errorf("no body hash: %v", err)
	}
	fields, err := sealer(1).Seal([]byte(header), bodies, Result{Status: sig.None}, "", now)
	if err != nil || !strings.HasSuffix(fields, "ARC-Authentication-Results: i=1; mx.hop1.example;\r\n\tnone\r\n") {
		t.Errorf("no results: %q, %v", fields, err)
	}
}

// TestPartOfTheBody: a message signature with l= that leaves octets out is
// none, well signed as it is.
func TestPartOfTheBody(t *testing.T) {
	s := sealer(1)
	bodies := &canon.Bodies{}
	bodies.Want(canon.Simple, 5)
	_, _ = bodies.Write([]byte(body))
	digest, _ := bodies.Digest(canon.Simple, 5)
	h := canon.NewHeader([]byte(header))
	tags := "i=1; a=rsa-sha256; d=hop1.example; s=sel;"
	var from strings.Builder
	h.WriteSigned(&from, []string{"from"}, none, canon.Relaxed)
	ams, err := s.sign(fmt.Sprintf("ARC-Message-Signature: %s c=relaxed; l=5; h=from; bh=%s; b=", tags,
		base64.StdEncoding.EncodeToString(digest[:])), []byte(from.String()))
	if err != nil {
		t.Fatal(err)
	}
	aar, _ := s.results(1, "")
	as, err := s.seal(nil, aar, ams, tags, sig.None)
	if err != nil {
		t.Fatal(err)
	}
	got := validate(as+ams+aar+header, body, &zone{})
	if got.Status != sig.Fail || got.Reason != "message signature 1: l= leaves a part of the body unsigned" {
		t.Errorf("%+v", got)
	}
	if got := validate(as+ams+aar+header, "Hello", &zone{}); got.Status == sig.Pass {
		t.Errorf("five octets and a line end: %+v", got)
	}
}

// TestPrintedChain reads the example of RFC 8617 appendix B. Its keys are not
// printed, its body hash can be checked.
func TestPrintedChain(t *testing.T) {
	raw, err := os.ReadFile("testdata/rfc8617.msg")
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := strings.Cut(strings.ReplaceAll(string(raw), "\n", "\r\n"), "\r\n\r\n")
	sets, top, bad := collect(canon.NewHeader([]byte(header + "\r\n\r\n")))
	if bad != nil || top != 3 || len(sets) != 3 {
		t.Fatalf("%d sets, top %d, %v", len(sets), top, bad)
	}
	bodies := &canon.Bodies{}
	bodies.Want(canon.Relaxed, canon.NoLimit)
	_, _ = bodies.Write([]byte(body))
	for i, want := range []Signer{{"lists.example.org", "dk-lists"}, {"gmail.example", "20120806"}, {"clochette.example.org", "clochette"}} {
		sets[i].ams.open(now)
		if sets[i].as.signer() != want || sets[i].ams.signer() != want || sets[i].ams.bad != nil {
			t.Errorf("%d: %+v %+v %v", i+1, sets[i].as.signer(), sets[i].ams.signer(), sets[i].ams.bad)
		}
		if bad := sets[i].ams.CheckBody(bodies); bad != nil {
			t.Errorf("%d: %v", i+1, bad)
		}
	}
	if !strings.HasPrefix(sets[0].results, "lists.example.org; spf=pass    smtp.mfrom=jqd@d1.example; dkim=pass") {
		t.Errorf("%q", sets[0].results)
	}
	if got := validate(header+"\r\n\r\n", body, &zone{}); got.Status != sig.Fail || got.Reason != "message signature 3: no key" {
		t.Errorf("%+v", got)
	}
}

func TestInstance(t *testing.T) {
	for v, want := range map[string]int{
		"i=1;": 1, " i=50; x": 50, "\r\n\ti = 7 ;": 7, " (a (nested\\)) comment) i (x) = (y) 12 (z) ; a=b": 12, "i=01;": 1, "i=0;": 0, "i=99;": 99,
	} {
		if n, rest, ok := instance(v); !ok || n != want || v[rest-1] != ';' {
			t.Errorf("%q: %d, %d, %v", v, n, rest, ok)
		}
	}
	for _, v := range []string{"", "i", "i=", "i=;", "i=1", "i=100;", "I=1;", "a=1; i=1;", "i=1x;", "i=1 2;", "(i=1;", "(", "(\\", "i=-1;"} {
		if n, _, ok := instance(v); ok {
			t.Errorf("%q: %d", v, n)
		}
	}
}

func FuzzValidate(f *testing.F) {
	first := hop(f, 1, header, body, header, body)
	f.Add(first)
	f.Add(hop(f, 2, first, body, first, body))
	f.Add("ARC-Seal: i=1; cv=none; a=rsa-sha256; d=hop1.example; s=sel; b=aGk=\r\n\r\n")
	f.Fuzz(func(t *testing.T, header string) {
		header = "Received: here\r\n" + header // a trace field of ours is above all that came
		got := validate(header, body, &zone{})
		if (got.Status == sig.None) != (got.Instances == 0 && got.Reason == "") || got.Instances > MaxInstance {
			t.Fatalf("%+v", got)
		}
		if got.Status == sig.Pass && !strings.Contains(header, "cv=none") {
			t.Fatalf("passes: %q", header)
		}
		_, bodies := pass(body, func(*canon.Bodies) *Validator { return nil })
		fields, err := sealer(2).Seal([]byte(header), bodies, got, "", now)
		if err == nil && fields != "" {
			if again := validate(fields+header, body, &zone{}); again.Status == sig.Pass != (got.Status != sig.Fail) && len(fields)+len(header) < 200<<10 {
				t.Fatalf("sealed %+v, got %+v\n%q", got, again, fields+header)
			}
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	header, body := chain(b)
	for b.Loop() {
		if got := validate(header, body, &zone{}); got.Status != sig.Pass {
			b.Fatal(got)
		}
	}
}
