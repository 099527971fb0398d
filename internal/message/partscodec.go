package message

import (
	"encoding/binary"

	"postroom/internal/mail"
)

// The kept form of the parts is a version octet and the entities in preorder:
// kind, four words, then as unsigned varints the header's offset from the
// parent's body, the lengths of header and body, the lines, and, for a
// multipart, the number of children.
const partsVersion = 1

const (
	partLeaf = iota
	partMultipart
	partMessage
)

// words are kept as one octet; index 0 stands for a word spelled out.
var words = []string{
	"\x00", "", "text", "plain", "html", "multipart", "mixed", "alternative",
	"related", "signed", "report", "digest", "message", "rfc822", "global",
	"delivery-status", "application", "octet-stream", "pdf", "image", "jpeg",
	"png", "gif", "7bit", "8bit", "binary", "base64", "quoted-printable",
	"utf-8", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252", "calendar",
	"pgp-signature", "zip", "encrypted", "partial", "audio", "video",
}

var wordIndex = func() map[string]byte {
	m := make(map[string]byte, len(words))
	for i, w := range words[1:] {
		m[w] = byte(i + 1)
	}
	return m
}()

const maxWord = 127

// appendWord writes a word in lower case.
func appendWord(dst, w []byte) []byte {
	var low [maxWord]byte
	n := 0
	for ; n < len(w) && n < maxWord; n++ {
		low[n] = lower(w[n])
	}
	if i, ok := wordIndex[string(low[:n])]; ok {
		return append(dst, i)
	}
	dst = append(dst, 0, byte(n))
	return append(dst, low[:n]...)
}

// keepMeta keeps what Parts says about n's type.
func (p *Parser) keepMeta(n *node, ct *mimeValue, typ, sub, enc []byte) {
	charset := ct.get("charset")
	if charset == nil && n.plain {
		charset = usASCII
	}
	lo := len(p.arena)
	for _, w := range [][]byte{typ, sub, enc, charset} {
		p.arena = appendWord(p.arena, w)
	}
	n.meta = p.spanFrom(lo)
}

func (p *Parser) encodeParts() []byte {
	out := make([]byte, 1, 1+16*len(p.nodes))
	out[0] = partsVersion
	return p.appendPart(out, 0, 0)
}

func (p *Parser) appendPart(dst []byte, i int32, base int64) []byte {
	n := &p.nodes[i]
	kind := byte(partLeaf)
	switch n.kind {
	case kindMultipart:
		kind = partMultipart
	case kindMessage:
		kind = partMessage
	}
	dst = append(dst, kind)
	dst = append(dst, p.arena[n.meta.lo:n.meta.hi]...)
	for _, v := range [...]int64{n.hdr - base, n.body - n.hdr, n.end - n.body, n.lines} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	if kind == partMultipart {
		count := uint64(0)
		for c := n.first; c != 0; c = p.nodes[c].next {
			count++
		}
		dst = binary.AppendUvarint(dst, count)
	}
	for c := n.first; c != 0; c = p.nodes[c].next {
		dst = p.appendPart(dst, c, n.body)
	}
	return dst
}

// DecodeParts reads Summary.Parts. It fails with mail.CodeInternal on what no
// Parser wrote.
func DecodeParts(parts []byte) (*Part, error) {
	if len(parts) == 0 || parts[0] != partsVersion {
		return nil, errParts()
	}
	d := partsReader{in: parts[1:]}
	p := d.part(0, 1<<62, 0)
	if d.bad || len(d.in) > 0 {
		return nil, errParts()
	}
	return p, nil
}

func errParts() error {
	return mail.Errorf(mail.CodeInternal, "the kept offsets of a message's parts cannot be read")
}

type partsReader struct {
	in  []byte
	bad bool
}

func (d *partsReader) octet() byte {
	if len(d.in) == 0 {
		d.bad = true
		return 0
	}
	c := d.in[0]
	d.in = d.in[1:]
	return c
}

func (d *partsReader) number() int64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 || v >= 1<<60 {
		d.bad = true
		return 0
	}
	d.in = d.in[n:]
	return int64(v)
}

func (d *partsReader) word() string {
	i := int(d.octet())
	if i > 0 {
		if i >= len(words) {
			d.bad = true
			return ""
		}
		return words[i]
	}
	n := int(d.octet())
	if n > len(d.in) {
		d.bad = true
		return ""
	}
	w := string(d.in[:n])
	d.in = d.in[n:]
	return w
}

// part reads an entity that stands between base and limit.
func (d *partsReader) part(base, limit int64, depth int) *Part {
	if depth > 2*MaxDepth+2 {
		d.bad = true
	}
	if d.bad {
		return nil
	}
	kind := d.octet()
	p := &Part{Type: d.word(), Subtype: d.word(), Encoding: d.word(), Charset: d.word()}
	p.HeaderOff = base + d.number()
	p.BodyOff = p.HeaderOff + d.number()
	p.EndOff = p.BodyOff + d.number()
	p.Lines = d.number()
	if p.EndOff > limit || kind > partMessage {
		d.bad = true
		return nil
	}
	switch kind {
	case partMessage:
		p.Message = d.part(p.BodyOff, p.EndOff, depth+1)
	case partMultipart:
		d.children(p, depth)
	}
	return p
}

func (d *partsReader) children(p *Part, depth int) {
	count := d.number()
	if count == 0 || count > int64(len(d.in)) {
		d.bad = true
		return
	}
	p.Children = make([]*Part, 0, min(count, 64))
	for range count {
		c := d.part(p.BodyOff, p.EndOff, depth+1)
		if d.bad {
			return
		}
		p.Children = append(p.Children, c)
	}
}
