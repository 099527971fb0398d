package searchtext

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"postroom/internal/message"
)

// octets are a message in memory.
type octets string

func (o octets) header() int64 {
	if i := strings.Index(string(o), "\r\n\r\n"); i >= 0 {
		return int64(i + 4)
	}
	return int64(len(o))
}

func (o octets) Header(context.Context) ([]byte, error) { return []byte(o[:o.header()]), nil }

func (o octets) Part(_ context.Context, off, n int64) io.ReadCloser {
	return io.NopCloser(iotest.HalfReader(strings.NewReader(string(o[off : off+n]))))
}

func (o octets) parts(t testing.TB) *message.Part {
	t.Helper()
	p := message.NewParser(nil)
	_, _ = io.WriteString(p, string(o))
	root, err := message.DecodeParts(p.Finish().Parts)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func (o octets) index(t testing.TB, x *Indexer) Indexed {
	t.Helper()
	in, err := x.Index(t.Context(), o, o.parts(t))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// has tells whether an index entry lets a message be found.
func (in Indexed) has(grams []int32) bool {
	for _, g := range grams {
		if !slices.Contains(in.Grams, g) {
			return !in.Whole
		}
	}
	return true
}

func TestGrams(t *testing.T) {
	const text = "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nX-Flag: yes\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" +
		"<p>An <b>inv</b>oice, 日本語 for &eacute;tudes e\u0301t\r\n"
	var x Indexer
	in := octets(text).index(t, &x)
	for s, want := range map[string]bool{"grüße": true, "GRÜSSE": false, "invoice": true, "INVOICES": false, "日本": true, "本語": true, "本日": false,
		"étude": true, "ét": true, "x-flag": true, "x-flags": false, "of": true, "invoice, 日本語": true, "b>": true, "</b>oice": true} {
		if got := in.has(NewMatcher(s).Grams()); got != want {
			t.Errorf("%q may be in it: %v, want %v", s, got, want)
		}
	}
	if in.has(NewMatcher("yes").FieldGrams("X-Flux")) || !in.has(NewMatcher("yes").FieldGrams("x-flag")) {
		t.Error("a field's name does not count")
	}
	for s, want := range map[string]bool{"grüße": true, "rüß": true, "invoice": false, "日本": false, "x-flag": false} {
		if got := in.has(NewMatcher(s).FieldGrams("SUBJECT")); got != want {
			t.Errorf("%q may be in the subject: %v, want %v", s, got, want)
		}
	}
	if len(NewMatcher("of 日").FieldGrams("To")) != 0 {
		t.Error("short words have grams")
	}
	if n := len(NewMatcher(strings.Repeat("abcdefghijklmnopqrstuvwxyz0123456789", 9)).Grams()); n != maxNeedleGrams {
		t.Errorf("%d grams of a long string", n)
	}
}

func TestTooMuchText(t *testing.T) {
	var many strings.Builder
	for i := range int32(1 << 16) {
		many.WriteString(string([]rune{'一' + i%200, '一' + i/200}) + " ")
	}
	var x Indexer
	for what, s := range map[string]string{
		"a long text":   "A: b\r\n\r\n" + strings.Repeat("word ", MaxText/4),
		"many words":    "A: b\r\n\r\n" + many.String(),
		"a long header": "A: " + strings.Repeat("word ", message.MaxHeader/4) + "\r\n\r\n",
		"a long tag":    "Content-Type: text/html\r\n\r\n<img src=\"" + strings.Repeat("x", 1<<20) + "\">",
	} {
		if in := octets(s).index(t, &x); in.Whole || len(in.Grams) > 0 {
			t.Errorf("%s: %d grams, whole %v", what, len(in.Grams), in.Whole)
		}
		if in := octets("A: b\r\n\r\nword").index(t, &x); !in.Whole || len(in.Grams) != 2 {
			t.Errorf("after %s a small message has %d grams, whole %v", what, len(in.Grams), in.Whole)
		}
	}
}

// FuzzGrams: a message in which a string is found has the string's grams.
func FuzzGrams(f *testing.F) {
	f.Add("Subject: =?utf-8?B?R3LDvMOfZQ==?= x\r\nContent-Type: text/html\r\n\r\n<p>a&amp;b <i>one</i>two e\u0301", "onetwo", 3, 4)
	f.Add("A: b\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n\xf0\xf2\xe9", "при", 2, 9)
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b; name=invoice\r\n\r\nx\r\n--b--\r\n", "invoice", 50, 9)
	f.Add("Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\n日本語", "語", 30, 10)
	var x Indexer
	f.Fuzz(func(t *testing.T, text, s string, at, n int) {
		o := octets(text)
		root, in := o.parts(t), o.index(t, &x)
		if at >= 0 && n >= 0 && at < len(text) && n < len(text)-at {
			s += "|" + text[at:at+n]
		}
		for _, s := range append(strings.Split(s, "|"), strings.ToUpper(s)) {
			m := NewMatcher(s)
			found, err := m.Body(t.Context(), o, root)
			if err != nil {
				t.Fatal(err)
			}
			anywhere, err := m.Text(t.Context(), o, root)
			if err != nil {
				t.Fatal(err)
			}
			if found && !anywhere {
				t.Errorf("%q is in the body of %q, but not in its text", s, text)
			}
			if anywhere && !in.has(m.Grams()) {
				t.Errorf("%q is in %q, but not its grams", s, text)
			}
			for f := range message.Fields([]byte(o[:o.header()])) {
				if name := string(f.Name); name != "" && m.Field(f.Value) && !in.has(m.FieldGrams(name)) {
					t.Errorf("%q is in the field %s of %q, but not its grams", s, name, text)
				}
			}
		}
	})
}

func TestFoldIsTheSameInPieces(t *testing.T) {
	text := strings.Repeat("e\u0301Ünfold\xc3ed \xe6\x97 \u0301日本語 İ ", 2000)
	var pieces []byte
	if _, err := stream(iotest.OneByteReader(strings.NewReader(text)), 0, func(b []byte) bool { pieces = append(pieces, b...); return false }); err != nil {
		t.Fatal(err)
	}
	if whole := Fold([]byte(text)); !bytes.Equal(whole, pieces) {
		t.Errorf("%d octets in pieces, %d at once", len(pieces), len(whole))
	}
}
