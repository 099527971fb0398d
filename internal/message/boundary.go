package message

import "bytes"

// matchBoundary finds the open multipart whose delimiter line begins with b
// (without its "--"). A delimiter line need only begin with the boundary (RFC
// 2046 §5.1.1), so of boundaries that are prefixes of each other the longest
// counts.
func (p *Parser) matchBoundary(b []byte) (f int, end bool) {
	f = -1
	best := 0
	for i := len(p.stack) - 1; i >= 0; i-- {
		bound := p.stack[i].boundary
		longer := len(bound) > best || best > 0 && len(bound) == best && p.stack[f].closed
		if longer && bytes.HasPrefix(b, bound) {
			f, best = i, len(bound)
		}
	}
	if f < 0 || p.stack[f].closed {
		return -1, false
	}
	end = bytes.HasPrefix(b[best:], []byte("--"))
	if !end && len(p.nodes) >= MaxParts {
		return -1, false
	}
	return f, end
}

// boundary ends all that is inside frame f, and begins its next part.
func (p *Parser) boundary(f int, end bool, start int64, prevEOL int) {
	// The line end before a delimiter belongs to it (RFC 2046 §5.1.1).
	p.closeTo(f+1, start, p.lines-1, prevEOL)
	if end {
		p.stack[f].closed = true
		p.cur = -1
		p.inHdr = false
		p.preview.leave()
		return
	}
	p.enter(p.off, p.lines, kindPart)
}

// closeTo ends the entity being read and all frames from index f on, whose
// last octet is before at; eol is the line end there that is not theirs.
func (p *Parser) closeTo(f int, at, lines int64, eol int) {
	for p.inHdr {
		p.endHeader(at, lines)
	}
	limit := at
	if f < len(p.stack) {
		limit = max(at-int64(eol), p.nodes[p.stack[f].node].body)
	}
	if p.cur >= 0 {
		p.nodes[p.cur].close(at, lines, eol, limit)
	}
	for i := len(p.stack) - 1; i >= f; i-- {
		fr := &p.stack[i]
		p.nodes[fr.node].close(at, lines, eol, limit)
		if fr.boundary != nil {
			p.open--
			p.fill(fr.node, p.nodes[fr.node].end)
		}
	}
	p.stack = p.stack[:f]
}

// fill gives a multipart without parts an empty one, since a body structure
// must have one.
func (p *Parser) fill(multipart int32, at int64) {
	if p.nodes[multipart].first != 0 {
		return
	}
	cur := int32(len(p.nodes))
	p.nodes = append(p.nodes, newNode(at, kindPart))
	p.link(multipart, cur)
	n := &p.nodes[cur]
	n.body, n.end = at, at
	header := p.header
	p.header = nil
	p.describe(n)
	p.header = header
}

// lastLine looks at a last line without an end: it may be a boundary.
func (p *Parser) lastLine() {
	f, end := -1, false
	if p.open > 0 && len(p.line) > 2 && p.line[0] == '-' && p.line[1] == '-' {
		f, end = p.matchBoundary(p.line[2:])
	}
	if f < 0 {
		if !p.inHdr {
			p.preview.add(p.line)
		}
		return
	}
	p.dropPartialHeader(true)
	p.lines++ // boundary takes the delimiter's own line end off again
	p.boundary(f, end, p.lineOff, p.eol)
	p.lines--
}
