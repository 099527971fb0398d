// Package casemap is the collation i;unicode-casemap (RFC 5051), by which IMAP
// compares, searches and orders text: without regard to case, and with letters
// that bear marks beside those that bear none.
package casemap

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Append appends b in title case and decomposed (Normalization Form KD). Two
// strings are equal, ordered, or contain one another as these octets are and
// do. What is not UTF-8 stays as it is, octet by octet. b may share no memory
// with dst.
func Append(dst, b []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, len(b))[:n+len(b)]
	out := dst[n:]
	// Most text is ASCII and needs no tables.
	var all byte
	for i, c := range b {
		all |= c
		out[i] = upperASCII[c]
	}
	if all >= utf8.RuneSelf {
		return norm.NFKD.Append(dst[:n], title(b)...)
	}
	return dst
}

// Key gives the form of a string by which it is compared.
func Key(s string) []byte { return Append(nil, []byte(s)) }

// upperASCII is a table, since which letters come next nobody can predict.
var upperASCII = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'a' && i <= 'z' {
			t[i] -= 'a' - 'A'
		}
	}
	return t
}()

// title maps each character to its one-character title case. Go's tables have
// those of UnicodeData.txt, which are the ones RFC 5051 §2 means: "ß" has none.
func title(b []byte) []byte {
	out := make([]byte, 0, len(b)+8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			out = append(out, b[0])
		} else {
			out = utf8.AppendRune(out, unicode.ToTitle(r))
		}
		b = b[n:]
	}
	return out
}
