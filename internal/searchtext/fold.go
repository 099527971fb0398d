package searchtext

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold gives text as it is compared: in NFC and lower case. Octets that are no
// UTF-8 become U+FFFD where the text has other than ASCII.
func Fold(b []byte) []byte { return appendFold(nil, b) }

// appendFold folds b; most text is ASCII and needs no tables.
func appendFold(dst, b []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(b))[:n+len(b)]
	out := dst[n:]
	var all byte
	for i, c := range b {
		all |= c
		out[i] = lowerASCII[c]
	}
	if all >= utf8.RuneSelf {
		return append(dst[:n], bytes.ToLower(norm.NFC.Bytes(b))...)
	}
	return dst
}

// lowerASCII is a table, since which letters come next nobody can predict.
var lowerASCII = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// window is how much text is looked at once.
const window = 16 << 10

// rooms hold a window and its folded text while a stream is read.
var rooms = sync.Pool{New: func() any { return new(room) }}

type room struct {
	in   [window]byte
	text []byte
}

// stream gives folded text to see as it comes, each piece after the last
// overlap octets of what came before. It ends when see says stop, or at the
// stream's end.
func stream(r io.Reader, overlap int, see func(text []byte) (stop bool)) (stopped bool, err error) {
	room := rooms.Get().(*room)
	defer rooms.Put(room)
	in := room.in[:]
	var kept int // octets at the begin of in: what later ones may still change
	var over int // octets of overlap at the begin of text
	for {
		n, err := r.Read(in[kept:])
		n += kept
		cut := n
		if err == nil {
			cut = settled(in[:n])
		}
		text := appendFold(room.text[:over], in[:cut])
		room.text = text
		if see(text) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(in, in[cut:n])
		over = copy(text, text[max(0, len(text)-overlap):])
	}
}

// maxPending bounds the octets that wait for what comes after them.
const maxPending = 512

// settled gives how many octets are folded the same whatever follows them.
func settled(b []byte) int {
	if i := norm.NFC.LastBoundary(b); i > len(b)-maxPending {
		return max(i, 0)
	}
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if utf8.FullRune(b[i:]) {
				return len(b)
			}
			return i
		}
	}
	return len(b)
}
