package searchtext

import (
	"unicode"
	"unicode/utf8"
)

// A gram is three characters of a word, or two where the first is of a script
// that writes whole words in two. It is a number below GramSpace: grams of
// ASCII have their own, others share.
const (
	GramSpace = 1 << 20
	asciiWord = 36 // letters and digits
	asciiSpan = asciiWord * asciiWord * asciiWord
)

// word is the end of the text so far: the last two characters of an
// unfinished word, 0 where there are none.
type word struct{ a, b rune }

// each gives the grams that end in text.
func (w *word) each(text []byte, give func(int32)) {
	a, b := w.a, w.b
	for len(text) > 0 {
		r, n := rune(text[0]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(text)
		}
		text = text[n:]
		if !inWord(r) {
			a, b = 0, 0
			continue
		}
		if a != 0 {
			give(gram(a, b, r))
		}
		if b >= firstDense {
			give(gram(0, b, r))
		}
		a, b = b, r
	}
	w.a, w.b = a, b
}

// firstDense is where the scripts begin that write a word in a character or
// two: Han and kana. Hangul is in more: Fold takes its syllables apart.
const firstDense = 0x2e80

// inWord tells the characters that make words. What it says of a character may
// not depend on its neighbours: the string searched for is a piece of the text.
func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return ordinal[r] != 0
	}
	return r != utf8.RuneError && !unicode.IsSpace(r) && !unicode.IsPunct(r)
}

// ordinal numbers the ASCII characters of words from 1, whatever their case.
var ordinal = func() (t [utf8.RuneSelf]int32) {
	for i := range int32(10) {
		t['0'+i] = 1 + i
	}
	for i := range int32(26) {
		t['a'+i], t['A'+i] = 11+i, 11+i
	}
	return t
}()

func gram(a, b, c rune) int32 {
	if a|b|c < utf8.RuneSelf {
		return ((ordinal[a]-1)*asciiWord+ordinal[b]-1)*asciiWord + ordinal[c] - 1
	}
	h := uint64(a)<<42 | uint64(b)<<21 | uint64(c)
	h = (h ^ h>>29) * 0x9e3779b97f4a7c15
	return asciiSpan + int32((h>>32)%(GramSpace-asciiSpan))
}

// maxNeedleGrams bounds what is asked of the index for one string; more grams
// leave out hardly another message.
const maxNeedleGrams = 24

// Grams gives what every message has that contains the string, and beside it
// the text also. None: the index cannot help.
func (m *Matcher) Grams(also string) []int32 {
	seen := map[int32]bool{}
	var all []int32
	for _, text := range [][]byte{m.needle, Fold([]byte(also))} {
		var w word
		w.each(text, func(g int32) {
			if !seen[g] {
				seen[g] = true
				all = append(all, g)
			}
		})
	}
	return thin(all)
}

// thin takes evenly from a long list.
func thin(all []int32) []int32 {
	if len(all) <= maxNeedleGrams {
		return all
	}
	out := make([]int32, maxNeedleGrams)
	for i := range out {
		out[i] = all[i*len(all)/maxNeedleGrams]
	}
	return out
}
