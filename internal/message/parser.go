package message

import (
	"bytes"

	"postroom/internal/mail"
)

// Parser makes the Summary of one message from its octets, written in any
// pieces. It is an io.Writer that never fails. It expects CRLF line ends and
// also understands bare LF.
type Parser struct {
	extra []byte
	off   int64 // octets written so far
	lines int64 // line ends among them

	// The line being read, when its end has not been written yet.
	line    []byte // its first octets, up to maxLineKept
	lineOff int64
	lastCR  bool // the last octet written was CR
	eol     int  // octets of the line end before lineOff: 0, 1 or 2

	header  []byte // of the entity whose header is being read
	cut     bool   // header was longer than is kept
	mark    int    // len(header) and cut before the line being read
	markCut bool
	top     []byte // the message's own header

	nodes []node
	stack []frame
	open  int   // multiparts on the stack
	cur   int32 // the entity being read; -1 in a preamble or epilogue
	inHdr bool

	arena   []byte // strings of the nodes, see span
	wire    wire
	params  []param
	fields  found // of the message's own header
	preview previewer
}

// frame is an entity that holds others: a multipart with its boundary, or a
// message.
type frame struct {
	node     int32
	boundary []byte // nil for a message
	closed   bool   // the end boundary was seen: what follows is the epilogue
}

// NewParser begins a message. extra holds header lines that will stand before
// the octets (with their line ends) and count for the summary, such as a
// Message-ID that submission adds; nil when there are none.
func NewParser(extra []byte) *Parser {
	p := &Parser{extra: extra, inHdr: true}
	p.wire.left = maxWire
	p.nodes = make([]node, 1, 3)
	p.header = make([]byte, 0, 1<<10)
	p.arena = make([]byte, 0, 1<<10)
	p.nodes[0] = newNode(0, kindMessageRoot)
	return p
}

// Write takes the next octets.
func (p *Parser) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if !p.inHdr && p.open == 0 {
			p.rest(b)
			break
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.partial(b)
			break
		}
		p.endLine(b[:i+1])
		b = b[i+1:]
	}
	return n, nil
}

// rest takes octets that can only be body up to the message's end.
func (p *Parser) rest(b []byte) {
	p.lines += int64(bytes.Count(b, []byte{'\n'}))
	p.preview.add(b)
	p.off += int64(len(b))
	p.line = p.line[:0]
}

// partial takes the begin or middle of a line.
func (p *Parser) partial(b []byte) {
	if p.off == p.lineOff {
		p.mark, p.markCut = len(p.header), p.cut
	}
	p.keepLine(b)
	if p.inHdr {
		p.addHeader(b)
	}
	p.off += int64(len(b))
	p.lastCR = b[len(b)-1] == '\r'
}

func (p *Parser) keepLine(b []byte) {
	if room := maxLineKept - len(p.line); room > 0 {
		p.line = append(p.line, b[:min(len(b), room)]...)
	}
}

// endLine takes the end of a line, or all of it.
func (p *Parser) endLine(b []byte) {
	line, begun := b[:min(len(b), maxLineKept)], p.off > p.lineOff
	if begun {
		p.keepLine(b)
		line = p.line
	}
	eol := 1
	if len(b) > 1 && b[len(b)-2] == '\r' || len(b) == 1 && p.lastCR {
		eol = 2
	}
	start, prevEOL := p.lineOff, p.eol
	p.off += int64(len(b))
	p.lines++
	p.lineOff, p.eol, p.lastCR = p.off, eol, false
	p.take(line, b, start, prevEOL, begun)
	p.line = p.line[:0]
}

// take handles one line: line is its start, b its last piece, begun whether
// there were pieces before.
func (p *Parser) take(line, b []byte, start int64, prevEOL int, begun bool) {
	if p.open > 0 && len(line) > 2 && line[0] == '-' && line[1] == '-' {
		if f, end := p.matchBoundary(line[2:]); f >= 0 {
			p.dropPartialHeader(begun)
			p.boundary(f, end, start, prevEOL)
			return
		}
	}
	switch {
	case !p.inHdr:
		p.preview.add(line)
	case isBlank(line) && p.off-start <= 2:
		p.addHeader(b)
		p.endHeader(p.off, p.lines)
	default:
		p.addHeader(b)
	}
}

// addHeader keeps the header being read, up to its limit.
func (p *Parser) addHeader(b []byte) {
	limit := MaxPartHeader
	if p.cur == 0 {
		limit = MaxHeader
	}
	if room := limit - len(p.header); len(b) > room {
		b, p.cut = b[:room], true
	}
	p.header = append(p.header, b...)
}

// dropPartialHeader takes back the pieces of a line that turned out to be a
// boundary.
func (p *Parser) dropPartialHeader(begun bool) {
	if p.inHdr && begun {
		p.header, p.cut = p.header[:p.mark], p.markCut
	}
}

// endHeader describes the entity whose header is complete and goes on to what
// its type makes of the octets from off on.
func (p *Parser) endHeader(off, lines int64) {
	n := &p.nodes[p.cur]
	n.body, n.bodyLines = off, lines
	p.inHdr = false
	p.describe(n)
	if p.cur == 0 {
		p.top = p.header
		p.header = nil
	}
	p.header, p.cut = p.header[:0], false
	switch n.kind {
	case kindMultipart:
		p.stack = append(p.stack, frame{node: p.cur, boundary: p.arena[n.boundary.lo:n.boundary.hi:n.boundary.hi]})
		p.open++
		p.cur = -1
		p.preview.leave()
	case kindMessage:
		p.stack = append(p.stack, frame{node: p.cur})
		p.enter(off, lines, kindMessageRoot)
		if n := &p.nodes[p.nodes[p.cur].parent]; n.encoded {
			p.header = p.header[:0] // its header is not readable without decoding
			p.endHeader(off, lines)
		}
	default:
		p.preview.enter(p, n)
	}
}

// enter begins a new entity at off, inside the innermost open one.
func (p *Parser) enter(off, lines int64, kind nodeKind) {
	parent := p.stack[len(p.stack)-1].node
	p.cur = int32(len(p.nodes))
	p.nodes = append(p.nodes, newNode(off, kind))
	p.link(parent, p.cur)
	p.inHdr = true
	p.preview.leave()
}

// Finish ends the message. The Summary lacks only the Hash. The Parser is
// used up.
func (p *Parser) Finish() mail.Summary {
	if p.off > p.lineOff && (p.inHdr || p.open > 0) {
		p.lastLine()
	}
	p.closeTo(0, p.off, p.lines, 0)
	root := &p.nodes[0]
	s := mail.Summary{
		Size:          p.off,
		HeaderSize:    root.body,
		BodyStructure: p.bodyStructure(),
		Parts:         p.encodeParts(),
		Preview:       p.preview.text(),
	}
	p.summarise(&s)
	return s
}
