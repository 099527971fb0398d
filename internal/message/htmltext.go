package message

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"golang.org/x/net/html"
)

// ErrHTMLTooLong takes the place of io.EOF at the end of an HTMLText in which
// a tag or a run of text was longer than what is held at once: another reading
// may cut it elsewhere.
var ErrHTMLTooLong = errors.New("HTML with a token that is too long")

// maxToken is how much of one tag or run of text HTMLText holds.
const maxToken = 256 << 10

// HTMLText reads the text of HTML that r gives in UTF-8: without tags, scripts
// and styles, character references decoded, a space where a tag ends a word.
func HTMLText(r io.Reader) io.Reader {
	h := &htmlText{}
	h.begin(r)
	return h
}

type htmlText struct {
	in     io.Reader
	z      *html.Tokenizer
	hidden bool // in a script or a style
	cut    bool
	out    []byte // not read yet
	err    error
}

func (h *htmlText) begin(r io.Reader) {
	h.in, h.z = r, html.NewTokenizer(r)
	h.z.SetMaxBuf(maxToken)
}

// Read implements io.Reader.
func (h *htmlText) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(h.out) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		h.next()
	}
	n := copy(p, h.out)
	h.out = h.out[n:]
	return n, nil
}

var wordEnd = []byte(" ")

// next reads one token.
func (h *htmlText) next() {
	switch t := h.z.Next(); t {
	case html.ErrorToken:
		h.stop(h.z.Err())
	case html.TextToken:
		if !h.hidden {
			h.out = h.z.Text()
		}
	case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
		name, _ := h.z.TagName()
		if tag := string(name); tag == "script" || tag == "style" {
			h.hidden = t == html.StartTagToken
		}
		if endsWord(name) {
			h.out = wordEnd
		}
	}
}

// stop ends the text, or goes on after a token that is too long: behind its
// end when it is a tag.
func (h *htmlText) stop(err error) {
	if !errors.Is(err, html.ErrBufferExceeded) {
		if h.err = err; err == io.EOF && h.cut {
			h.err = ErrHTMLTooLong
		}
		return
	}
	h.cut = true
	inTag := bytes.HasPrefix(h.z.Raw(), []byte("<"))
	rest := bufio.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(h.z.Buffered())), h.in))
	if inTag {
		skipTag(rest)
	}
	h.begin(rest)
}

// skipTag reads up to the end of a tag; what ends or breaks r will do so
// again.
func skipTag(r *bufio.Reader) {
	for {
		if _, err := r.ReadSlice('>'); !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// endsWord tells whether a tag separates words.
func endsWord(tag []byte) bool {
	switch string(tag) {
	case "a", "b", "i", "u", "em", "strong", "span", "font", "sub", "sup", "small", "big", "code":
		return false
	}
	return true
}
