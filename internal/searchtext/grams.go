package searchtext

import (
	"slices"
	"strings"
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

// ofSubject is a gram as it stands in a Subject field: SEARCH SUBJECT is
// frequent, and its words are in the texts of most messages of a discussion.
func ofSubject(g int32) int32 {
	h := uint64(g+1) * 0x9e3779b97f4a7c15
	return asciiSpan + int32((h>>32)%(GramSpace-asciiSpan))
}

const subject = "Subject"

// maxNeedleGrams bounds what is asked of the index for one string; more grams
// leave out hardly another message.
const maxNeedleGrams = 24

// Grams gives what every message has that contains the string. None: the index
// cannot help.
func (m *Matcher) Grams() []int32 { return thin(grams(m.needle)) }

// FieldGrams gives what every message has that contains the string in a field
// of that name.
func (m *Matcher) FieldGrams(name string) []int32 {
	all := grams(m.needle)
	if !strings.EqualFold(name, subject) {
		return thin(append(all, grams(Fold([]byte(name)))...))
	}
	for i, g := range all {
		all[i] = ofSubject(g)
	}
	return thin(all)
}

func grams(text []byte) (all []int32) {
	var w word
	w.each(text, func(g int32) {
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
	})
	return all
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
