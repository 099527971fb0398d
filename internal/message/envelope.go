package message

import "bytes"

// headers are the two places a message's header stands in: what the server
// puts before it, and its own.
type headers [2][]byte

// envelopeFields are the fields of an ENVELOPE, in the order of RFC 9051
// §7.5.2, and whether several occurrences count together (RFC 5322 §4.5.3).
var envelopeFields = [...]struct {
	name      string
	addresses bool
	merge     bool
}{
	{"Date", false, false},
	{"Subject", false, false},
	{"From", true, false},
	{"Sender", true, false},
	{"Reply-To", true, false},
	{"To", true, true},
	{"Cc", true, true},
	{"Bcc", true, true},
	{"In-Reply-To", false, false},
	{"Message-ID", false, false},
}

const (
	envFrom      = 2
	envSender    = 3
	envReplyTo   = 4
	envInReplyTo = 8
	envMessageID = 9
)

// found holds the values of one header that the summary needs: one value per
// envelope field, further ones of merged fields behind.
type found struct {
	values     [len(envelopeFields)][]byte // nil when absent
	more       []extraValue
	references []byte
}

type extraValue struct {
	field int
	value []byte
}

func (h headers) find() found {
	var out found
	for _, part := range h {
		for f := range Fields(part) {
			out.add(f)
		}
	}
	return out
}

func (o *found) add(f Field) {
	if len(f.Name) == 0 {
		return
	}
	switch lower(f.Name[0]) {
	case 'b', 'c', 'd', 'f', 'i', 'm', 'r', 's', 't':
	default:
		return
	}
	if o.references == nil && equalFold(f.Name, "References") {
		o.references = f.Value
		return
	}
	for i := range envelopeFields {
		e := &envelopeFields[i]
		if !equalFold(f.Name, e.name) {
			continue
		}
		if o.values[i] == nil {
			o.values[i] = f.Value
		} else if e.merge && len(o.more) < 1000 {
			o.more = append(o.more, extraValue{i, f.Value})
		}
		return
	}
}

// wire writes IMAP forms within a budget of octets, so that no message makes
// an envelope or structure without bound: what is over it becomes NIL.
type wire struct {
	left  int
	addrs addrReader
	list  []byte // of addresses, while it is being written
	at    int    // where it began
}

// take tells whether n octets may still be written.
func (w *wire) take(n int) bool {
	if n > w.left {
		return false
	}
	w.left -= n
	return true
}

// nstring writes an unfolded value, NIL for nil.
func (w *wire) nstring(dst, value []byte) []byte {
	if value == nil || !w.take(len(value)+8) {
		return appendNIL(dst)
	}
	return appendString(dst, value)
}

// envelope writes the ENVELOPE of one header.
func (w *wire) envelope(dst []byte, o *found) []byte {
	var from []byte
	for i := range envelopeFields {
		dst = append(dst, " ("[b2i(i == 0)])
		at := len(dst)
		switch {
		case !envelopeFields[i].addresses:
			v := o.values[i]
			if v != nil {
				v = unfold(v)
			}
			dst = w.nstring(dst, v)
		default:
			dst = w.addresses(dst, i, o)
			// Sender and Reply-To default to From (RFC 9051 §7.5.2).
			if len(dst) == at && (i == envSender || i == envReplyTo) && w.take(len(from)) {
				dst = append(dst, from...)
			}
			if len(dst) == at {
				dst = appendNIL(dst)
			}
		}
		if i == envFrom {
			from = dst[at:len(dst):len(dst)]
		}
	}
	return append(dst, ')')
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// addresses writes a parenthesised list, or nothing when there is no address.
func (w *wire) addresses(dst []byte, field int, o *found) []byte {
	v := o.values[field]
	if v == nil {
		return dst
	}
	w.list, w.at = dst, len(dst)
	if w.addrs.emit == nil {
		w.addrs.emit = w.address
	}
	w.addrs.read(v)
	for _, m := range o.more {
		if m.field == field {
			w.addrs.read(m.value)
		}
	}
	dst, w.list = w.list, nil
	if len(dst) > w.at {
		dst = append(dst, ')')
	}
	return dst
}

// address adds one to the list.
func (w *wire) address(a *addr) {
	if !w.take(24 + len(a.name) + len(a.route) + len(a.local) + len(a.domain)) {
		return
	}
	if len(w.list) == w.at {
		w.list = append(w.list, '(')
	}
	w.list = appendAddress(w.list, a)
}

// appendAddress writes (name adl mailbox host). A missing host is an empty
// string, since NIL there means a group.
func appendAddress(dst []byte, a *addr) []byte {
	switch a.kind {
	case addrGroup:
		dst = append(dst, "(NIL NIL "...)
		dst = appendString(dst, a.name)
		return append(dst, " NIL)"...)
	case addrGroupEnd:
		return append(dst, "(NIL NIL NIL NIL)"...)
	}
	dst = append(dst, '(')
	if len(a.name) == 0 {
		dst = appendNIL(dst)
	} else {
		dst = appendString(dst, bytes.TrimSpace(a.name))
	}
	dst = append(dst, ' ')
	if len(a.route) == 0 {
		dst = appendNIL(dst)
	} else {
		dst = appendString(dst, a.route)
	}
	dst = append(dst, ' ')
	dst = appendString(dst, a.local)
	dst = append(dst, ' ')
	dst = appendString(dst, a.domain)
	return append(dst, ')')
}
