package message

import "bytes"

// keepWire writes the parts of n's body structure that its header decides.
func (p *Parser) keepWire(n *node, ct *mimeValue, m *mimeFields, typ, sub, enc []byte) {
	a := p.arena
	lo := len(a)
	w := &p.wire
	if n.kind == kindMultipart {
		a = appendUpper(a, sub)
		n.pre = span{int32(lo), int32(len(a))}
		lo = len(a)
		a = w.params(append(a, ' '), ct.params)
	} else {
		a = appendUpper(a, typ)
		a = appendUpper(append(a, ' '), sub)
		params := ct.params
		if n.plain && ct.get("charset") == nil {
			// RFC 2045 §5.2: plain text says its default.
			params = append(params[:len(params):len(params)], param{[]byte("CHARSET"), usASCII})
		}
		a = w.params(append(a, ' '), params)
		a = w.nstring(append(a, ' '), m.id)
		a = w.nstring(append(a, ' '), m.description)
		a = appendUpper(append(a, ' '), enc)
		n.pre = span{int32(lo), int32(len(a))}
		lo = len(a)
		a = w.nstring(append(a, ' '), m.md5)
	}
	a = w.disposition(append(a, ' '), n, m.disposition)
	a = w.language(append(a, ' '), m.language)
	a = w.nstring(append(a, ' '), m.location)
	n.ext = span{int32(lo), int32(len(a))}
	p.arena = a
}

// params writes body-fld-param: names in upper case, values as they stand in
// the message (RFC 2231 forms too).
func (w *wire) params(dst []byte, params []param) []byte {
	at := len(dst)
	for _, p := range params {
		if !w.take(len(p.name) + len(p.value) + 16) {
			break
		}
		if len(dst) == at {
			dst = append(dst, '(')
		} else {
			dst = append(dst, ' ')
		}
		dst = appendUpper(dst, p.name)
		dst = appendString(append(dst, ' '), p.value)
	}
	if len(dst) == at {
		return appendNIL(dst)
	}
	return append(dst, ')')
}

func (w *wire) disposition(dst []byte, n *node, v []byte) []byte {
	if v == nil {
		return appendNIL(dst)
	}
	d := parseMIME(v, nil)
	if len(d.value) == 0 || !w.take(len(d.value)+8) {
		return appendNIL(dst)
	}
	n.attached = equalFold(d.value, "attachment")
	dst = appendUpper(append(dst, '('), d.value)
	dst = w.params(append(dst, ' '), d.params)
	return append(dst, ')')
}

// language writes body-fld-lang: one tag as a string, several as a list.
func (w *wire) language(dst []byte, v []byte) []byte {
	r := mimeReader{b: v}
	var tags [][]byte
	for len(tags) < maxParams {
		r.space()
		at := r.i
		for r.i < len(v) && v[r.i] > ' ' && v[r.i] != ',' && v[r.i] != '(' {
			r.i++
		}
		if r.i > at {
			tags = append(tags, v[at:r.i])
		} else if r.i++; r.i > len(v) {
			break
		}
	}
	switch {
	case len(tags) == 0 || !w.take(len(v)+8*len(tags)):
		return appendNIL(dst)
	case len(tags) == 1:
		return appendString(dst, tags[0])
	}
	dst = append(dst, '(')
	for i, t := range tags {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = appendString(dst, t)
	}
	return append(dst, ')')
}

// bodyStructure writes the whole BODYSTRUCTURE.
func (p *Parser) bodyStructure() []byte {
	out := p.appendStructure(make([]byte, 0, 160*len(p.nodes)), 0)
	if cap(out) > 2*len(out) {
		return bytes.Clone(out)
	}
	return out
}

func (p *Parser) appendStructure(dst []byte, i int32) []byte {
	n := &p.nodes[i]
	dst = append(dst, '(')
	if n.kind == kindMultipart {
		for c := n.first; c != 0; c = p.nodes[c].next {
			dst = p.appendStructure(dst, c)
		}
		dst = append(dst, ' ')
		dst = append(dst, p.arena[n.pre.lo:n.pre.hi]...)
		dst = append(dst, p.arena[n.ext.lo:n.ext.hi]...)
		return append(dst, ')')
	}
	dst = append(dst, p.arena[n.pre.lo:n.pre.hi]...)
	dst = appendInt(append(dst, ' '), n.end-n.body)
	switch n.kind {
	case kindMessage:
		env := p.nodes[n.first].env
		dst = append(append(dst, ' '), p.arena[env.lo:env.hi]...)
		dst = p.appendStructure(append(dst, ' '), n.first)
		dst = appendInt(append(dst, ' '), n.lines)
	case kindText:
		dst = appendInt(append(dst, ' '), n.lines)
	}
	dst = append(dst, p.arena[n.ext.lo:n.ext.hi]...)
	return append(dst, ')')
}
