package spool

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mail"
)

func newSpool(t *testing.T, memory int64) *Spool {
	t.Helper()
	s, err := New(t.TempDir(), memory)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text makes n octets of lines that compress badly.
func text(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + r.IntN(95))
	}
	for i := 78; i+1 < n; i += 80 {
		b[i], b[i+1] = '\r', '\n'
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, memory := range []int64{0, 256 << 10} {
		s := newSpool(t, memory)
		for _, n := range []int{0, 1, 4096, mail.ChunkSize - 1, mail.ChunkSize, mail.ChunkSize + 1, 30 << 20} {
			want := text(n)
			w := s.Begin(nil, 0)
			for rest := want; len(rest) > 0; {
				k := min(len(rest), 1+n/7)
				if _, err := w.Write(rest[:k]); err != nil {
					t.Fatal(err)
				}
				rest = rest[k:]
			}
			m, err := w.Finish()
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d octets came out as %d, %v", n, len(got), err)
			}
			at := m.ReaderAt()
			for _, off := range []int{n / 2, 0, max(0, n-7), mail.ChunkSize - 5, n + 3} {
				got, err := io.ReadAll(io.NewSectionReader(at, int64(off), 10))
				if want := want[min(off, n):min(off+10, n)]; err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d octets, from %d on: %q, not %q: %v", n, off, got, want, err)
				}
			}
			if m.Summary.Size != int64(n) || m.Summary.Hash != sha256.Sum256(want) {
				t.Errorf("%d octets: size %d or hash is wrong", n, m.Summary.Size)
			}
			m.Discard()
			m.Discard()
		}
		if n := s.InFiles(); n != 0 {
			t.Errorf("%d octets are still counted", n)
		}
	}
}

func TestDefectsAreFoundWhereverWritesAreSplit(t *testing.T) {
	for _, c := range []struct {
		text string
		bad  bool
	}{
		{"a: b\r\n\r\nfine\r\n", false}, {"", false}, {"no line end", false}, {"\r\n", false},
		{"bare\nLF", true}, {"\nfirst", true}, {"last\n", true},
		{"bare\rCR", true}, {"last\r", true}, {"\r\r\n", true}, {"a\r\n\n", true}, {"a\n\rb", true}, {"NUL\x00", true},
	} {
		for cut := 0; cut <= len(c.text); cut++ {
			w := newSpool(t, 1<<20).Begin(nil, 0)
			w.Write([]byte(c.text[:cut]))
			w.Write([]byte(c.text[cut:]))
			_, err := w.Finish()
			if c.bad != mail.Is(err, mail.CodeBadMessage) {
				t.Errorf("%q cut at %d: %v", c.text, cut, err)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	s := newSpool(t, 0)
	w := s.Begin(nil, 10)
	if _, err := w.Write([]byte("0123456789")); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte("x")); !mail.Is(err, mail.CodeTooBig) {
		t.Error(err)
	}
	s.MaxBytes = 600 << 10
	w = s.Begin(nil, 0)
	_, err := w.Write(text(2 << 20))
	if !mail.Is(err, mail.CodeStorageFull) {
		t.Error(err)
	}
	w.Discard()
	if n := s.InFiles(); n != 0 {
		t.Errorf("%d octets are still counted", n)
	}
}

func TestNothingIsLeftInTheDirectory(t *testing.T) {
	s := newSpool(t, 0)
	w := s.Begin(nil, 0)
	if _, err := w.Write(text(1 << 20)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(s.dir); len(left) != 0 {
		t.Errorf("a file has a name: %v", left)
	}
	w.Discard()
}

func FuzzSpool(f *testing.F) {
	f.Add([]byte("a: b\r\n\r\nc\r\n"), 3)
	f.Add([]byte("a\r"), 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		cut = max(0, min(cut, len(b)))
		w := newSpool(t, 16).Begin(nil, 0)
		w.Write(b[:cut])
		w.Write(b[cut:])
		rest := bytes.ReplaceAll(b, []byte("\r\n"), nil)
		m, err := w.Finish()
		if bad := bytes.ContainsAny(rest, "\r\n\x00"); bad != (err != nil) {
			t.Fatalf("%q: %v", b, err)
		}
		if err != nil {
			return
		}
		defer m.Discard()
		r, _ := m.Open()
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q came out as %q, %v", b, got, err)
		}
	})
}

func TestDefectsSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"ab\r\n\nx":   "LF without CR at octet 4",
		"ab\rc\n\x00": "CR without LF at octet 2",
		"\r\n\x00\n":  "NUL at octet 2",
		"abc\r":       "CR without LF at octet 3",
	} {
		for cut := range text {
			w := newSpool(t, 1<<20).Begin(nil, 0)
			w.Write([]byte(text[:cut]))
			w.Write([]byte(text[cut:]))
			_, err := w.Finish()
			if !strings.HasSuffix(mail.TextOf(err), want) {
				t.Errorf("%q cut at %d: %v, want %s", text, cut, err, want)
			}
		}
	}
}

func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newSpool(t, 0)
	w := s.Begin(nil, 0)
	w.store.file = full
	if _, err := w.Write(text(1 << 20)); !mail.Is(err, mail.CodeStorageFull) {
		t.Error(err)
	}
	if _, err := w.Write([]byte("more")); !mail.Is(err, mail.CodeStorageFull) {
		t.Error(err)
	}
	if _, err := w.Finish(); !mail.Is(err, mail.CodeStorageFull) {
		t.Error(err)
	}
	if n := s.InFiles(); n != 0 {
		t.Errorf("%d octets are still counted", n)
	}
}

// TestManyAtOnce: writers that share encoder and buffers do not mix messages.
func TestManyAtOnce(t *testing.T) {
	s := newSpool(t, 64<<10)
	var g sync.WaitGroup
	for i := range 16 {
		g.Go(func() {
			want := text(100_000 + 77_777*i)
			w := s.Begin(nil, 0)
			w.Write(want)
			m, err := w.Finish()
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Discard()
			r, _ := m.Open()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("message %d came out otherwise: %v", i, err)
			}
		})
	}
	g.Wait()
	if n := s.InFiles(); n != 0 {
		t.Errorf("%d octets are still counted", n)
	}
}

func TestReadChunkRefusesWhatIsDamaged(t *testing.T) {
	w := newSpool(t, 1<<20).Begin(nil, 0)
	w.Write(text(9000))
	m, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	frame, _ := m.Chunk(0)
	for _, bad := range [][]byte{frame[:len(frame)-1], append(bytes.Clone(frame[:len(frame)-1]), frame[len(frame)-1]^1), []byte("no frame")} {
		if _, err := ReadChunk(nil, bad); err == nil {
			t.Error("a damaged frame was read")
		}
	}
}

func TestSweepTakesOnlyItsOwnOldFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"in-left", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := Sweep(dir, time.Hour); n != 0 || err != nil {
		t.Error(n, err)
	}
	if n, err := Sweep(dir, 0); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err != nil {
		t.Error(err)
	}
	if n, err := Sweep(filepath.Join(dir, "absent"), 0); n != 0 || err != nil {
		t.Error(n, err)
	}
}

func BenchmarkSmall(b *testing.B) {
	s, m := &Spool{MaxBytes: 1 << 30, maxMemory: 256 << 10}, text(4096)
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		w := s.Begin(nil, 0)
		w.Write(m)
		if _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBig(b *testing.B) {
	s, m := &Spool{MaxBytes: 1 << 30, maxMemory: 256 << 10, dir: b.TempDir()}, text(8<<20)
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		w := s.Begin(nil, 0)
		w.Write(m)
		got, err := w.Finish()
		if err != nil {
			b.Fatal(err)
		}
		got.Discard()
	}
}
