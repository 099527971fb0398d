package canon

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postroom/internal/message"
)

// TestFieldExamples are the examples of RFC 6376 §3.4.5.
func TestFieldExamples(t *testing.T) {
	for _, c := range []struct{ raw, simple, relaxed string }{
		{"A: X\r\n", "A: X\r\n", "a:X\r\n"},
		{"B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{"SUBJect: AbC", "SUBJect: AbC\r\n", "subject:AbC\r\n"},
		{"E:\r\n", "E:\r\n", "e:\r\n"},
		{"E: \r\n \r\n", "E: \r\n \r\n", "e:\r\n"},
		{"Bare: a\n b\r c\r\n", "Bare: a\n b\r c\r\n", "bare:a\n b\r c\r\n"},
	} {
		if got := string(AppendField(nil, []byte(c.raw), Simple)); got != c.simple {
			t.Errorf("simple %q: %q, want %q", c.raw, got, c.simple)
		}
		if got := string(AppendField(nil, []byte(c.raw), Relaxed)); got != c.relaxed {
			t.Errorf("relaxed %q: %q, want %q", c.raw, got, c.relaxed)
		}
	}
}

// bodies are cases of RFC 6376 §3.4.3 and §3.4.4, in both forms.
var bodies = []struct{ raw, simple, relaxed string }{
	{"", "\r\n", ""},
	{"\r\n", "\r\n", ""},
	{"\r\n\r\n\r\n", "\r\n", ""},
	{" \t\r\n\r\n", " \t\r\n", ""},
	{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
	{"a", "a\r\n", "a\r\n"},
	{"a\r\n", "a\r\n", "a\r\n"},
	{"a\r\n ", "a\r\n \r\n", "a\r\n"},
	{"a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"},
	{"a \t\r\n \r\nb", "a \t\r\n \r\nb\r\n", "a\r\n\r\nb\r\n"},
	{"a\r", "a\r\r\n", "a\r\r\n"},
	{"a \r b\r\n", "a \r b\r\n", "a \r b\r\n"},
	{"a\r\r\n", "a\r\r\n", "a\r\r\n"},
	{"a\nb\n", "a\nb\n\r\n", "a\nb\n\r\n"},
	{"\r\n\r\n\ta", "\r\n\r\n\ta\r\n", "\r\n\r\n a\r\n"},
}

func digests(raw string, limit int64, writes ...int) (simple, relaxed Digest, ok bool, b *Bodies) {
	b = &Bodies{}
	b.Want(Simple, limit)
	b.Want(Relaxed, limit)
	for _, n := range append(writes, len(raw)) {
		n = min(n, len(raw))
		_, _ = b.Write([]byte(raw[:n]))
		raw = raw[n:]
	}
	simple, ok1 := b.Digest(Simple, limit)
	relaxed, ok2 := b.Digest(Relaxed, limit)
	return simple, relaxed, ok1 && ok2, b
}

func TestBodiesCutAnywhere(t *testing.T) {
	for _, c := range bodies {
		for i := 0; i <= len(c.raw); i++ {
			for j := i; j <= len(c.raw); j++ {
				s, r, _, b := digests(c.raw, NoLimit, i, j-i)
				if s != sha256.Sum256([]byte(c.simple)) || b.Size(Simple) != int64(len(c.simple)) {
					t.Fatalf("simple %q cut at %d and %d is not %q", c.raw, i, j, c.simple)
				}
				if r != sha256.Sum256([]byte(c.relaxed)) || b.Size(Relaxed) != int64(len(c.relaxed)) {
					t.Fatalf("relaxed %q cut at %d and %d is not %q", c.raw, i, j, c.relaxed)
				}
			}
		}
	}
}

// TestEmptyBodyHashes compares with the values printed in RFC 6376.
func TestEmptyBodyHashes(t *testing.T) {
	s, r, _, _ := digests("", NoLimit)
	if got := base64.StdEncoding.EncodeToString(s[:]); got != "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=" {
		t.Errorf("simple: %s", got)
	}
	if got := base64.StdEncoding.EncodeToString(r[:]); got != "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" {
		t.Errorf("relaxed: %s", got)
	}
}

// plain is RFC 6376 §3.4 written down over the whole body at once.
func plain(raw string) (simple, relaxed string) {
	trim := regexp.MustCompile(`(\r\n)*$`)
	simple = trim.ReplaceAllString(raw, "") + "\r\n"
	// Bare CRs are no line ends: hide the real ones from the other rules.
	lines := strings.Split(raw, "\r\n")
	for i, l := range lines {
		lines[i] = regexp.MustCompile(`[ \t]+`).ReplaceAllString(regexp.MustCompile(`[ \t]+$`).ReplaceAllString(l, ""), " ")
	}
	relaxed = trim.ReplaceAllString(strings.Join(lines, "\r\n"), "")
	if relaxed != "" {
		relaxed += "\r\n"
	}
	return simple, relaxed
}

func drawBody(t *rapid.T) string {
	piece := rapid.SampledFrom([]string{"\r\n", "\r\n", " ", "\t", "a", "word", "\r", "\n", ".", strings.Repeat("x", 3000), "ü"})
	return strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces"), "")
}

func TestDrawnBodiesAndLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := drawBody(t)
		simple, relaxed := plain(raw)
		b := &Bodies{}
		limits := append(rapid.SliceOfN(rapid.Int64Range(0, int64(len(simple))+2), 0, 8).Draw(t, "limits"), NoLimit, 2048, 4096)
		for _, l := range limits {
			b.Want(Simple, l)
			b.Want(Relaxed, l)
		}
		for rest := raw; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			_, _ = b.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		for k, want := range map[Kind]string{Simple: simple, Relaxed: relaxed} {
			for _, l := range limits {
				got, ok := b.Digest(k, l)
				if ok != (l <= int64(len(want))) {
					t.Fatalf("%d of %d octets: %v", l, len(want), ok)
				}
				if l == NoLimit {
					l = int64(len(want))
				}
				if ok && got != sha256.Sum256([]byte(want[:l])) {
					t.Fatalf("kind %d of %q: the first %d octets are not those of %q", k, raw, l, want)
				}
			}
		}
	})
}

func TestBodiesAfterTheirEnd(t *testing.T) {
	b := &Bodies{}
	if _, ok := b.Digest(Relaxed, NoLimit); ok || b.Size(Relaxed) != 0 {
		t.Error("a digest that nobody asked for")
	}
	if _, err := b.Write([]byte("x")); err == nil {
		t.Error("a body went on behind its end")
	}
}

// TestWriteSigned: RFC 6376 §5.4.2, the lowest first, and nothing for what is
// not there; never the signature itself.
func TestWriteSigned(t *testing.T) {
	h := NewHeader([]byte("DKIM-Signature: own\r\nReceived: <A>\r\nDKIM-Signature: other\r\nreceived: <B>\r\nReceived: <C>\r\n\r\nReceived: body\r\n"))
	var out bytes.Buffer
	names := []string{"received", "received", "subject", "dkim-signature", "dkim-signature"}
	h.WriteSigned(&out, names, h.Fields("dkim-signature")[0], Relaxed)
	if got, want := out.String(), "received:<C>\r\nreceived:<B>\r\ndkim-signature:other\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAppendSelf(t *testing.T) {
	var self message.Field
	for f := range message.Fields([]byte("DKIM-Signature: a=1; b= x\r\n y ; c=2\r\n")) {
		self = f
	}
	if got := string(AppendSelf(nil, self, 8, 15, Simple)); got != "DKIM-Signature: a=1; b=; c=2" {
		t.Errorf("%q", got)
	}
}

func FuzzBodies(f *testing.F) {
	for _, c := range bodies {
		f.Add(c.raw, 1, 3)
	}
	f.Fuzz(func(t *testing.T, raw string, a, b int) {
		simple, relaxed := plain(raw)
		s, r, _, _ := digests(raw, NoLimit, max(0, a%(len(raw)+1)), max(0, b%(len(raw)+1)))
		if s != sha256.Sum256([]byte(simple)) || r != sha256.Sum256([]byte(relaxed)) {
			t.Fatalf("%q cut at %d, %d", raw, a, b)
		}
	})
}
