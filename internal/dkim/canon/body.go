package canon

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"slices"
)

var crlf = []byte("\r\n")

// Digest is a body hash.
type Digest = [sha256.Size]byte

// body canonicalizes one body with one algorithm and hashes it in constant
// memory. One running hash serves every l=: it is read where each one ends.
type body struct {
	relaxed bool
	hash    hash.Hash
	limits  []int64 // ascending, without NoLimit
	digests []Digest
	whole   Digest

	hashed int64 // canonical octets given to the hash
	size   int64 // canonical octets written
	cr     bool  // a CR came, and what follows it is not known yet
	space  bool  // relaxed: white space came, and no line end after it yet
	blanks int64 // line ends held back: nothing but line ends came after them
	buf    [2048]byte
	used   int
}

func newBody(k Kind) *body { return &body{relaxed: k == Relaxed, hash: sha256.New()} }

func (b *body) want(limit int64) {
	if i, found := slices.BinarySearch(b.limits, limit); limit != NoLimit && !found {
		b.limits = slices.Insert(b.limits, i, limit)
	}
}

func (b *body) write(p []byte) {
	for len(p) > 0 {
		if b.cr {
			b.cr = false
			if p[0] == '\n' {
				b.lineEnd()
				p = p[1:]
				continue
			}
			b.text([]byte{'\r'})
		}
		switch c := p[0]; {
		case c == '\r':
			b.cr = true
			p = p[1:]
		case b.relaxed && (c == ' ' || c == '\t'):
			b.space = true
			p = p[1:]
		default:
			n := b.run(p)
			b.text(p[:n])
			p = p[n:]
		}
	}
}

// run counts the octets at p's beginning that stand for themselves.
func (b *body) run(p []byte) int {
	if !b.relaxed {
		if i := bytes.IndexByte(p, '\r'); i >= 0 {
			return i
		}
		return len(p)
	}
	for i, c := range p {
		if c == '\r' || c == ' ' || c == '\t' {
			return i
		}
	}
	return len(p)
}

// lineEnd holds a CRLF back. White space before it is dropped (RFC 6376
// §3.4.4).
func (b *body) lineEnd() {
	b.space = false
	b.blanks++
}

// text writes what stands for itself, after what was held back before it.
func (b *body) text(p []byte) {
	for ; b.blanks > 0; b.blanks-- {
		b.put(crlf)
	}
	if b.space {
		b.space = false
		b.put([]byte{' '})
	}
	b.put(p)
}

func (b *body) put(p []byte) {
	b.size += int64(len(p))
	for len(p) > 0 {
		n := copy(b.buf[b.used:], p)
		b.used += n
		p = p[n:]
		if b.used == len(b.buf) {
			b.flush()
		}
	}
}

// flush gives the buffer to the hash, and reads it at each limit on the way.
func (b *body) flush() {
	p := b.buf[:b.used]
	for len(b.digests) < len(b.limits) {
		n := b.limits[len(b.digests)] - b.hashed
		if n > int64(len(p)) {
			break
		}
		b.feed(p[:n])
		p = p[n:]
		b.digests = append(b.digests, Digest(b.hash.Sum(nil)))
	}
	b.feed(p)
	b.used = 0
}

func (b *body) feed(p []byte) {
	b.hash.Write(p)
	b.hashed += int64(len(p))
}

// finish writes what the body's end stands for: empty lines at the end go, and
// a body that does not end with a CRLF gets one. An empty body is one CRLF in
// the simple form and nothing in the relaxed one (RFC 6376 §3.4.3, §3.4.4).
func (b *body) finish() {
	if b.cr {
		b.cr = false
		b.text([]byte{'\r'})
	}
	b.blanks, b.space = 0, false
	if !b.relaxed || b.size > 0 {
		b.put(crlf)
	}
	b.flush()
	b.whole = Digest(b.hash.Sum(nil))
}

// digest gives the hash of the first limit octets; false when the canonical
// body is shorter, or when that limit was not asked for.
func (b *body) digest(limit int64) (Digest, bool) {
	if limit == NoLimit {
		return b.whole, true
	}
	if i, found := slices.BinarySearch(b.limits, limit); found && i < len(b.digests) {
		return b.digests[i], true
	}
	return Digest{}, false
}
