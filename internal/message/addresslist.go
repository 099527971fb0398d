package message

import "bytes"

// addrKind tells an address from the two ends of a group.
type addrKind uint8

const (
	addrMailbox addrKind = iota
	addrGroup            // name is the group's phrase
	addrGroupEnd
)

// addr is one element of an address list, without quotes and comments. Its
// slices are valid until the callback that got it returns.
type addr struct {
	kind                       addrKind
	name, route, local, domain []byte
}

// addrReader reads address lists of RFC 5322 §3.4 with the obsolete forms of
// §4.4, and makes the best of what is neither.
type addrReader struct {
	emit func(*addr)
	b    []byte
	i    int
	out  addr // what emit gets

	phrase, local, domain, route, comment []byte // scratch

	words   int  // words in phrase
	gap     bool // between two of them stood only space
	group   bool // inside "name: … ;"
	defects int  // what a strict reader would refuse
}

// read goes through one field's value.
func (r *addrReader) read(value []byte) {
	r.b, r.i, r.group = value, 0, false
	for {
		r.comment = r.comment[:0]
		r.space()
		if r.i >= len(r.b) {
			break
		}
		switch r.b[r.i] {
		case ',':
			r.i++
		case ';':
			r.i++
			r.endGroup()
		default:
			r.one()
		}
	}
	if r.group {
		r.defects++
		r.endGroup()
	}
}

func (r *addrReader) endGroup() {
	if !r.group {
		r.defects++
		return
	}
	r.group = false
	r.give(addr{kind: addrGroupEnd})
}

// one reads up to the end of one address or of a group's name.
func (r *addrReader) one() {
	r.phrase, r.local, r.domain, r.route = r.phrase[:0], r.local[:0], r.domain[:0], r.route[:0]
	r.words, r.gap = 0, false
	for {
		spaced := r.space()
		if r.i >= len(r.b) {
			r.bare()
			return
		}
		switch c := r.b[r.i]; c {
		case ',', ';':
			r.bare()
			return
		case ':':
			r.i++
			if r.group || r.words == 0 {
				r.defects++
				continue
			}
			r.group = true
			r.give(addr{kind: addrGroup, name: r.phrase})
			return
		case '<':
			r.angle()
			r.finish()
			return
		case '@':
			if r.addrSpec() {
				r.finish()
				return
			}
		case '"':
			r.word(spaced, r.quoted)
		case '>', ')', ']', '[', '\\':
			r.defects++
			r.i++
		default:
			r.word(spaced, r.atom)
		}
	}
}

// word appends what read reads to the phrase, spaced as it stood there, and to
// the local part, unspaced.
func (r *addrReader) word(spaced bool, read func(dst []byte) []byte) {
	if spaced && len(r.phrase) > 0 {
		r.phrase = append(r.phrase, ' ')
	}
	at := len(r.phrase)
	r.phrase = read(r.phrase)
	word := r.phrase[at:]
	// Words that no dot joins are no local part: only the last counts.
	if n := len(r.local); spaced && n > 0 && r.local[n-1] != '.' && !bytes.HasPrefix(word, []byte(".")) {
		r.local, r.gap = r.local[:0], true
	}
	r.local = append(r.local, word...)
	r.words++
}

// bare ends an element without "@" and "<": one word is a local part, more are
// a name.
func (r *addrReader) bare() {
	r.defects++
	switch {
	case r.words == 0:
		return
	case r.words == 1:
		r.give(addr{name: r.nameOf(nil), local: r.local})
	default:
		r.give(addr{name: r.phrase})
	}
}

// finish emits the address read and skips what should not follow it.
func (r *addrReader) finish() {
	for {
		r.space()
		if r.i >= len(r.b) || r.b[r.i] == ',' || r.b[r.i] == ';' || r.b[r.i] == '<' {
			break
		}
		r.defects++
		if r.b[r.i] == '"' {
			n := len(r.phrase)
			r.phrase = r.quoted(r.phrase)[:n]
		} else {
			r.i++
		}
	}
	if r.i < len(r.b) && r.b[r.i] == '<' {
		r.defects++
	}
	r.give(addr{name: r.nameOf(r.phrase), route: r.route, local: r.local, domain: r.domain})
}

func (r *addrReader) give(a addr) {
	r.out = a
	r.emit(&r.out)
}

// nameOf falls back on a comment, as in "joe@example.org (Joe Q. Public)".
func (r *addrReader) nameOf(phrase []byte) []byte {
	if len(phrase) > 0 {
		return phrase
	}
	if c := bytes.TrimSpace(r.comment); len(c) > 0 {
		return c
	}
	return nil
}

// addrSpec reads "@domain" after a local part. When "<" follows, all of it was
// an unquoted name ("joe@example.org <joe@example.org>") and it gives false.
func (r *addrReader) addrSpec() bool {
	r.i++
	r.readDomain()
	r.space()
	if r.i < len(r.b) && r.b[r.i] == '<' {
		r.defects++
		r.phrase = append(append(r.phrase, '@'), r.domain...)
		r.words++
		r.domain = r.domain[:0]
		return false
	}
	if r.gap || len(r.local) == 0 || len(r.domain) == 0 {
		r.defects++
	}
	r.phrase = r.phrase[:0]
	return true
}

// angle reads "<[@route:]local@domain>".
func (r *addrReader) angle() {
	r.i++
	r.local = r.local[:0]
	r.space()
	if r.i < len(r.b) && r.b[r.i] == '@' {
		r.readRoute()
	}
	for r.i < len(r.b) {
		r.space()
		if r.i >= len(r.b) {
			break
		}
		switch c := r.b[r.i]; c {
		case '>':
			r.i++
			return
		case '"':
			r.local = r.quoted(r.local)
		case '@':
			r.i++
			if len(r.domain) > 0 {
				r.defects++
			}
			r.readDomain()
		case ',', ';', '<':
			r.defects++
			return
		case ':', ')', ']', '[', '\\':
			r.defects++
			r.i++
		default:
			if len(r.domain) > 0 {
				r.defects++
			}
			r.local = r.atom(r.local)
		}
	}
	r.defects++
}

// readRoute reads the obsolete "@a,@b:" (RFC 5322 §4.4).
func (r *addrReader) readRoute() {
	for r.i < len(r.b) {
		r.space()
		if r.i >= len(r.b) {
			break
		}
		c := r.b[r.i]
		if c == '>' {
			break
		}
		r.i++
		if c == ':' {
			return
		}
		r.route = append(r.route, c)
	}
	// No colon: it was "<@domain>".
	r.defects++
	if len(r.route) > 0 {
		r.domain = append(r.domain, r.route[1:]...)
	}
	r.route = r.route[:0]
}

// readDomain reads a dotted name or a literal in brackets.
func (r *addrReader) readDomain() {
	r.domain = r.domain[:0]
	for {
		spaced := r.space()
		if r.i >= len(r.b) {
			return
		}
		c := r.b[r.i]
		if c == '[' {
			end := bytes.IndexByte(r.b[r.i:], ']')
			if end < 0 {
				r.defects++
				r.i++
				continue
			}
			r.domain = append(r.domain, r.b[r.i:r.i+end+1]...)
			r.i += end + 1
			continue
		}
		if isSpecial(c) {
			return
		}
		// Two words without a dot between them: the second is not the domain's.
		if n := len(r.domain); spaced && n > 0 && c != '.' && r.domain[n-1] != '.' {
			return
		}
		r.domain = r.atom(r.domain)
	}
}
