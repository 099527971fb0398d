package searchtext

import (
	"context"
	"errors"
	"io"
	"strings"

	"postroom/internal/message"
)

// Bounds of what is made of one message; one with more is not indexed and
// always looked at.
const (
	MaxText  = 4 << 20 // octets of folded text
	MaxGrams = 16 << 10
)

// Indexed is what the index keeps of a message.
type Indexed struct {
	Whole bool    // false: it has too much text, and Grams is nil
	Grams []int32 // each once, in no order
}

// Indexer makes Indexed of messages, one at a time.
type Indexer struct {
	seen  [GramSpace / 64]uint64
	grams []int32
	left  int // octets that may still come
	word  word
}

// Index reads a whole message. The result's slice is valid until the next call.
func (x *Indexer) Index(ctx context.Context, o Octets, root *message.Part) (Indexed, error) {
	x.reset()
	header, err := o.Header(ctx)
	if err != nil {
		return Indexed{}, err
	}
	// Of a longer header, other readers may have kept more.
	stopped := len(header) >= message.MaxHeader || x.header(header)
	if !stopped {
		stopped, err = body(ctx, o, root, x)
	}
	switch {
	case stopped, errors.Is(err, message.ErrHTMLTooLong):
		return Indexed{}, nil
	case err != nil:
		return Indexed{}, err
	}
	return Indexed{Whole: true, Grams: x.grams}, nil
}

func (x *Indexer) reset() {
	for _, g := range x.grams {
		x.seen[g/64] = 0
	}
	x.grams, x.left, x.word = x.grams[:0], MaxText, word{}
}

func (x *Indexer) header(header []byte) bool {
	for f := range message.Fields(header) {
		if x.add(fieldText(f)) {
			return true
		}
		x.word = word{}
		if x.add(Fold(f.Raw)) {
			return true
		}
		x.word = word{}
		if strings.EqualFold(string(f.Name), subject) {
			new(word).each(fieldValue(f.Value), func(g int32) { x.keep(ofSubject(g)) })
		}
	}
	return false
}

func (x *Indexer) wantsMIME() bool { return true }

func (x *Indexer) text(r io.Reader) (bool, error) {
	x.word = word{}
	return stream(r, 0, x.add)
}

// add takes the next piece of folded text and tells when it is too much.
func (x *Indexer) add(text []byte) (full bool) {
	if x.left -= len(text); x.left < 0 {
		return true
	}
	x.word.each(text, x.keep)
	return len(x.grams) > MaxGrams
}

func (x *Indexer) keep(g int32) {
	if bit := uint64(1) << (g % 64); x.seen[g/64]&bit == 0 {
		x.seen[g/64] |= bit
		x.grams = append(x.grams, g)
	}
}
