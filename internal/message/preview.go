package message

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// previewLength is how many characters a preview has at most, as
// PREVIEW has it.
const previewLength = 200

// previewer keeps the begin of the first text/plain part, or of the first
// text/html when there is none, while the message streams by.
type previewer struct {
	plain, html excerpt
	cur         *excerpt // where octets go now; nil for nowhere
}

type excerpt struct {
	found    bool
	octets   []byte
	limit    int
	encoding string
	charset  string
}

// enter begins a leaf.
func (v *previewer) enter(p *Parser, n *node) {
	v.cur = nil
	if n.attached || !n.plain && !n.html {
		return
	}
	for i := range p.stack {
		if p.stack[i].boundary == nil {
			return // text of a forwarded message is not this one's
		}
	}
	e, limit := &v.plain, maxPlain
	if n.html {
		e, limit = &v.html, maxHTML
	}
	if e.found || v.plain.found && len(v.plain.octets) > 0 {
		return
	}
	d := partsReader{in: p.arena[n.meta.lo:n.meta.hi]}
	d.word()
	d.word()
	*e = excerpt{found: true, limit: limit, encoding: d.word(), charset: d.word()}
	v.cur = e
}

func (v *previewer) leave() { v.cur = nil }

func (v *previewer) add(b []byte) {
	if v.cur == nil {
		return
	}
	room := v.cur.limit - len(v.cur.octets)
	if len(b) >= room {
		b = b[:room]
	}
	if v.cur.octets == nil {
		v.cur.octets = make([]byte, 0, min(v.cur.limit, max(len(b), 1<<10)))
	}
	v.cur.octets = append(v.cur.octets, b...)
	if len(v.cur.octets) == v.cur.limit {
		v.cur = nil
	}
}

// text gives the preview: valid UTF-8 without controls, on one line.
func (v *previewer) text() string {
	var c cleaner
	if v.plain.found {
		c.out.Grow(previewLength + 56)
		c.add(v.plain.decode())
	}
	if c.chars == 0 && v.html.found {
		c.addHTML(v.html.decode())
	}
	return strings.TrimSpace(c.out.String())
}

func (e *excerpt) decode() string {
	b := e.octets
	if e.encoding != "7bit" && e.encoding != "8bit" {
		r, err := DecodeBody(bytes.NewReader(b), e.encoding, "")
		if err != nil {
			return ""
		}
		b, _ = io.ReadAll(r)
	}
	return toUTF8(trimPartial(b), e.charset)
}

// trimPartial takes off a UTF-8 sequence that the excerpt cuts, so that it
// does not make the whole look like another charset.
func trimPartial(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax-1 && i <= len(b); i++ {
		c := b[len(b)-i]
		if utf8.RuneStart(c) {
			if c >= 0xc0 && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// cleaner collects printable text with single spaces.
type cleaner struct {
	out   strings.Builder
	chars int
	space bool
}

func (c *cleaner) full() bool { return c.chars >= previewLength }

func (c *cleaner) add(s string) {
	for _, r := range s {
		if c.full() {
			return
		}
		switch {
		case unicode.IsSpace(r):
			c.space = true
			continue
		case r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.Is(unicode.Cf, r):
			continue
		case r == '\ufeff' || r == '\u200b' || r == '\u200c' || r == '\u00ad' || r == '\u034f':
			continue // fillers of newsletters' hidden text
		}
		if c.space && c.chars > 0 {
			c.out.WriteByte(' ')
			c.chars++
		}
		c.space = false
		c.out.WriteRune(r)
		c.chars++
	}
}

// addHTML adds the text a browser would show.
func (c *cleaner) addHTML(s string) {
	z := html.NewTokenizer(strings.NewReader(s))
	hidden := ""
	for !c.full() {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if hidden == "" {
				c.add(string(z.Text()))
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "script", "style", "title", "head":
				if hidden == "" {
					hidden = string(name)
				}
			case "body":
				hidden = ""
			}
			c.breakAt(name)
		case html.EndTagToken:
			name, _ := z.TagName()
			if string(name) == hidden {
				hidden = ""
			}
			c.breakAt(name)
		case html.SelfClosingTagToken:
			name, _ := z.TagName()
			c.breakAt(name)
		}
	}
}

// breakAt puts a space where a tag ends a word.
func (c *cleaner) breakAt(tag []byte) { c.space = c.space || endsWord(tag) }
