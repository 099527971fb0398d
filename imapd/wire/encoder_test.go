package wire

import (
	"bytes"
	"strings"
	"testing"
)

func encoded(utf8 bool, f func(*Encoder)) string {
	var b bytes.Buffer
	e := NewEncoder(&b)
	e.UTF8 = utf8
	f(e)
	_ = e.Flush()
	return b.String()
}

func TestEncodeStrings(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "a b": `"a b"`, `a"\`: `"a\"\\"`, "a\r\nb": "{4}\r\na\r\nb", "ü": "{2}\r\nü", "NIL": `"NIL"`,
	} {
		if got := encoded(false, func(e *Encoder) { e.AString(in) }); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := encoded(true, func(e *Encoder) { e.Mailbox("Entwürfe") }); got != `"Entwürfe"` {
		t.Errorf("got %q", got)
	}
	if got := encoded(false, func(e *Encoder) { e.Mailbox("Entwürfe") }); got != `Entw&APw-rfe` {
		t.Errorf("got %q", got)
	}
}

type countingWriter struct{ n, writes, most int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n += len(p)
	w.writes++
	w.most = max(w.most, len(p))
	return len(p), nil
}

// Many small responses are few writes, and memory stays small for a big one.
func TestEncoderCollects(t *testing.T) {
	var w countingWriter
	e := NewEncoder(&w)
	for range 1000 {
		e.Raw("* 1 FETCH (FLAGS ())\r\n")
	}
	_, _ = e.Write(bytes.Repeat([]byte("x"), 1<<20))
	e.Raw(strings.Repeat("y", 100))
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := 1000*22 + 1<<20 + 100; w.n != want {
		t.Errorf("wrote %d octets, want %d", w.n, want)
	}
	if w.writes > 36 || w.most > 40<<10 {
		t.Errorf("%d writes of at most %d octets", w.writes, w.most)
	}
}
