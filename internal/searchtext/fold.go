package searchtext

import (
	"io"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/internal/casemap"
)

// Fold gives text as it is compared: by the collation i;unicode-casemap
// (RFC 5255 §4.2).
func Fold(b []byte) []byte { return casemap.Append(nil, b) }

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
		text := casemap.Append(room.text[:over], in[:cut])
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
	if i := norm.NFKD.LastBoundary(b); i > len(b)-maxPending {
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
