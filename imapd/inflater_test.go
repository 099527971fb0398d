package imapd

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// feed gives the inflater octets, and gives what comes out of them.
func (f *inflater) feed(octets []byte) (out []byte) {
	f.in = octets
	for f.inflate() && f.err == nil {
		out = append(out, f.out...)
		f.out = nil
	}
	return out
}

// zlib's Z_PARTIAL_FLUSH, which several clients use, ends within an octet: each
// command must come through at once, and the next be understood after a rest.
func TestInflaterPartialFlush(t *testing.T) {
	for _, rests := range []bool{false, true} {
		f := &inflater{}
		for _, c := range []struct{ octets, want string }{
			{"4a54f0f3f70fe0e50208", "a NOOP\r\n"},
			{"a024280d10", "b NOOP\r\n"},
			{"40c90aa19e2e0a6eae21ce1e0a86565a0a1a60ae8fa37bb0262f1740", "c UID FETCH 1:* (UID FLAGS)\r\n"},
			{"00a5e0930408", "d UID FETCH 1:* (UID FLAGS)\r\n"},
		} {
			octets, _ := hex.DecodeString(c.octets)
			if got := string(f.feed(octets)); got != c.want {
				t.Fatalf("rests %v: got %q, want %q; error %v", rests, got, c.want, f.err)
			}
			if rests {
				if f.rest(); f.next != nil {
					t.Fatalf("after %q it can't rest", c.want)
				}
			}
		}
		f.close()
	}
}

// An octet of a code that is still on its way is not waited for: mbsync's
// five APPENDs, in a block with codes of their own, end within an octet, and so
// soon that a look beyond the end of the block misses bits.
func TestInflaterWaitsForNoBitBeyondABlock(t *testing.T) {
	f := &inflater{}
	defer f.close()
	for i, octets := range stalled(t) {
		if got := f.feed(octets); !bytes.HasSuffix(got, []byte("\r\n")) {
			t.Fatalf("after chunk %d: %q; error %v", i, got, f.err)
		}
		if i%2 == 0 {
			f.rest()
		}
	}
}

// stalled gives what a client sent, flush by flush.
func stalled(t *testing.T) (chunks [][]byte) {
	text, err := os.ReadFile("testdata/compress/partial-flush.hex")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		octets, err := hex.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, octets)
	}
	return chunks
}

// A session at rest holds what its client sent and no more than DEFLATE's window.
func TestInflaterAtRest(t *testing.T) {
	f := &inflater{}
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, flate.BestSpeed)
	for _, sent := range []int{100, 1000, 100 << 10} {
		_, _ = w.Write(bytes.Repeat([]byte("0123456789"), sent/10))
		_ = w.Flush()
		if got := f.feed(bytes.Clone(z.Bytes())); len(got) != sent {
			t.Fatalf("%d octets, want %d: %v", len(got), sent, f.err)
		}
		z.Reset()
		if f.rest(); f.next != nil || cap(f.window) > min(sent+1200, 32<<10) {
			t.Fatalf("after %d octets: coroutine %v, window %d", sent, f.next != nil, cap(f.window))
		}
	}
	if f.inflate() {
		t.Fatal("output without input")
	}
}

// FuzzInflater: however the octets are cut, and wherever it rests, the same
// comes out; what is no DEFLATE is an error and no panic.
func FuzzInflater(f *testing.F) {
	f.Add([]byte("a NOOP\r\nb NOOP\r\n"), uint64(1), false)
	f.Add([]byte(strings.Repeat("x", 70000)), uint64(2), false)
	f.Add([]byte{0, 0, 0, 0xff, 0xff, 3, 0}, uint64(3), true)
	f.Add([]byte{0x4a, 0x54, 0xf0, 0xf3}, uint64(4), true)
	f.Fuzz(inflates)
}

func inflates(t *testing.T, text []byte, seed uint64, raw bool) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	in := &inflater{}
	defer in.close()
	whole := bytes.Clone(text)
	var got, want []byte
	for len(text) > 0 && in.err == nil {
		part := text[:1+rnd.IntN(len(text))]
		text = text[len(part):]
		octets := part
		if !raw {
			octets, want = deflated(t, part), append(want, part...)
		}
		for len(octets) > 0 {
			n := 1 + rnd.IntN(len(octets))
			got = append(got, in.feed(octets[:n])...)
			octets = octets[n:]
			if rnd.IntN(2) == 0 {
				in.rest()
			}
		}
	}
	if !raw && (in.err != nil || !bytes.Equal(got, want)) {
		t.Fatalf("%d octets, want %d: %v", len(got), len(want), in.err)
	}
	if raw {
		agrees(t, whole, got, in.err)
	}
}

// agrees compares with the standard library, which reads ahead and so sees some
// errors before they matter.
func agrees(t *testing.T, octets, got []byte, err error) {
	t.Helper()
	want, wantErr := io.ReadAll(flate.NewReader(bytes.NewReader(octets)))
	switch {
	case wantErr == nil && (err != io.EOF || !bytes.Equal(got, want)):
		t.Fatalf("%d octets and %v, want %d", len(got), err, len(want))
	case errors.As(wantErr, new(flate.CorruptInputError)) && err == io.EOF:
		t.Fatalf("%v, want %v", err, wantErr)
	}
}

func deflated(t *testing.T, p []byte) []byte {
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, flate.HuffmanOnly)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(p)
	_ = w.Flush()
	return z.Bytes()
}
