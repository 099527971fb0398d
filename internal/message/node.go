package message

import "bytes"

type nodeKind uint8

const (
	kindPart        nodeKind = iota // header not read yet
	kindMessageRoot                 // the same, of a message: it has an envelope
	kindLeaf
	kindText
	kindMultipart
	kindMessage
)

// node is one entity of a message: the message itself, or a part of it. Index
// 0 is the root and stands for "none" in links.
type node struct {
	hdr, body, end   int64
	bodyLines, lines int64

	parent, first, last, next int32

	kind     nodeKind
	root     bool // of a message
	digest   bool // multipart/digest
	encoded  bool // base64 or quoted-printable
	plain    bool // text/plain
	html     bool // text/html
	attached bool // content-disposition: attachment

	boundary span
	pre      span // wire: type … encoding; for a multipart its subtype
	ext      span // wire: extension fields, each with a space before it
	env      span // wire: envelope, when root
	meta     span // for Parts: type, subtype, encoding, charset
}

// span is a range of Parser.arena.
type span struct{ lo, hi int32 }

func newNode(off int64, kind nodeKind) node {
	return node{hdr: off, body: -1, end: -1, kind: kind, root: kind == kindMessageRoot}
}

// close ends the entity at the octet at, of which eol belong to a boundary. An
// empty line that ends both a header and what is around it belongs to the
// boundary too: nothing goes beyond limit, the end of the outermost entity that
// ends here.
func (n *node) close(at, lines int64, eol int, limit int64) {
	n.hdr, n.body = min(n.hdr, limit), min(n.body, limit)
	n.end, n.lines = min(at-int64(eol), limit), lines-n.bodyLines
	if eol > 0 {
		n.lines--
	}
	if n.end <= n.body {
		n.end, n.lines = n.body, 0
	}
}

func (p *Parser) link(parent, child int32) {
	p.nodes[child].parent = parent
	n := &p.nodes[parent]
	if n.first == 0 {
		n.first = child
	} else {
		p.nodes[n.last].next = child
	}
	n.last = child
}

// mimeFields are the fields that describe a part.
type mimeFields struct {
	typ, encoding, id, description, disposition, md5, language, location []byte
}

func (m *mimeFields) find(header []byte) {
	for f := range Fields(header) {
		if len(f.Name) < 10 || lower(f.Name[0]) != 'c' || !equalFold(f.Name[:8], "content-") {
			continue
		}
		var v *[]byte
		switch name := f.Name[8:]; {
		case equalFold(name, "type"):
			v = &m.typ
		case equalFold(name, "transfer-encoding"):
			v = &m.encoding
		case equalFold(name, "id"):
			v = &m.id
		case equalFold(name, "description"):
			v = &m.description
		case equalFold(name, "disposition"):
			v = &m.disposition
		case equalFold(name, "md5"):
			v = &m.md5
		case equalFold(name, "language"):
			v = &m.language
		case equalFold(name, "location"):
			v = &m.location
		default:
			continue
		}
		if *v == nil {
			*v = unfold(f.Value)
		}
	}
}

var (
	typeText    = mimeValue{value: []byte("text/plain")}
	typeMessage = mimeValue{value: []byte("message/rfc822")}
	typeOpaque  = mimeValue{value: []byte("application/octet-stream")}
	encoding7   = []byte("7bit")
	usASCII     = []byte("US-ASCII")
)

// describe reads p.header as n's header and keeps n's static wire forms.
func (p *Parser) describe(n *node) {
	if n.root {
		h := headers{nil, p.header}
		if n == &p.nodes[0] {
			h[0] = p.extra
		}
		o := h.find()
		lo := len(p.arena)
		p.arena = p.wire.envelope(p.arena, &o)
		n.env = p.spanFrom(lo)
		if n == &p.nodes[0] {
			p.fields = o
		}
	}
	var m mimeFields
	m.find(p.header)
	ct := p.contentType(n, &m)
	typ, sub, _ := ct.typeOf()
	enc := encodingOf(m.encoding)
	n.classify(typ, sub, enc)
	p.limitKind(n, &ct, &typ, &sub)
	p.keepWire(n, &ct, &m, typ, sub, enc)
	p.keepMeta(n, &ct, typ, sub, enc)
}

func (p *Parser) spanFrom(lo int) span { return span{int32(lo), int32(len(p.arena))} }

// contentType reads Content-Type or its default: text/plain, and
// message/rfc822 inside multipart/digest (RFC 2046 §5.1.5).
func (p *Parser) contentType(n *node, m *mimeFields) mimeValue {
	if m.typ != nil {
		ct := parseMIME(m.typ, p.params)
		p.params = ct.params[:0]
		if _, _, ok := ct.typeOf(); ok {
			return ct
		}
		return typeText
	}
	if !n.root && p.nodes[n.parent].digest && n.hdr != n.end {
		return typeMessage
	}
	return typeText
}

// encodingOf gives the token of Content-Transfer-Encoding.
func encodingOf(v []byte) []byte {
	if v == nil {
		return encoding7
	}
	r := mimeReader{b: v}
	enc := r.token()
	if len(enc) == 0 || len(enc) > 127 {
		return encoding7
	}
	return enc
}

func (n *node) classify(typ, sub, enc []byte) {
	n.encoded = equalFold(enc, "base64") || equalFold(enc, "quoted-printable")
	switch {
	case equalFold(typ, "multipart"):
		n.kind = kindMultipart
		n.digest = equalFold(sub, "digest")
	case equalFold(typ, "message") && (equalFold(sub, "rfc822") || equalFold(sub, "global")):
		n.kind = kindMessage
	case equalFold(typ, "text"):
		n.kind = kindText
		n.plain = equalFold(sub, "plain")
		n.html = equalFold(sub, "html")
	default:
		n.kind = kindLeaf
	}
}

// limitKind turns into a leaf what may not hold parts: a multipart without a
// boundary is text (RFC 2045 §5.2), one too deep is opaque.
func (p *Parser) limitKind(n *node, ct *mimeValue, typ, sub *[]byte) {
	if n.kind != kindMultipart && n.kind != kindMessage {
		return
	}
	instead := typeOpaque
	if n.kind == kindMultipart {
		b := bytes.TrimRight(ct.get("boundary"), " \t\r\n")
		if len(b) == 0 || len(b) > maxBoundary {
			instead = typeText
		} else if len(p.stack) < MaxDepth && len(p.nodes) < MaxParts && p.wire.take(len(b)) {
			lo := len(p.arena)
			p.arena = append(p.arena, b...)
			n.boundary = p.spanFrom(lo)
			return
		}
	} else if len(p.stack) < MaxDepth && len(p.nodes) < MaxParts {
		return
	}
	*ct = instead
	*typ, *sub, _ = instead.typeOf()
	n.digest = false
	n.classify(*typ, *sub, nil)
}
