// Package report opens multipart/report messages (RFC 6522 §3) and what passes
// for one: it finds the part for programs, the part for people and what was
// returned of the message reported on. What the parts mean is for
// internal/bounce and internal/arf.
//
// It reads through the offsets that internal/message found when the message
// came in; no more than a bounded piece of any part is ever held.
package report

import (
	"io"

	"postroom/internal/message"
)

// MaxPart is how much of a part is read, in octets after decoding.
const MaxPart = 256 << 10

// Message is a message opened for reading. It is valid as long as its source.
type Message struct {
	Header []byte // the message's own, at most message.MaxHeader octets
	src    io.ReaderAt
	root   *message.Part
}

// Open reads the header of the message in src, whose parts message.DecodeParts
// gave. Errors are those of src.
func Open(src io.ReaderAt, root *message.Part) (*Message, error) {
	m := &Message{src: src, root: root}
	var err error
	m.Header, err = m.octets(root.HeaderOff, root.BodyOff, message.MaxHeader)
	return m, err
}

func (m *Message) octets(from, to int64, limit int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(io.NewSectionReader(m.src, from, to-from), int64(limit)))
}

// Part finds the first part of type "message/" and one of the subtypes, nil
// when there is none. It does not look into messages inside: somebody's copy of
// a report is no report.
func (m *Message) Part(subtypes ...string) *message.Part {
	return find(m.root, func(p *message.Part) bool {
		if p.Type != "message" {
			return false
		}
		for _, s := range subtypes {
			if p.Subtype == s {
				return true
			}
		}
		return false
	})
}

func find(p *message.Part, is func(*message.Part) bool) *message.Part {
	if !p.IsMultipart() {
		if is(p) {
			return p
		}
		return nil
	}
	for _, c := range p.Children {
		if found := find(c, is); found != nil {
			return found
		}
	}
	return nil
}

// IsReport tells a multipart/report.
func (m *Message) IsReport() bool { return m.root.Type == "multipart" && m.root.Subtype == "report" }

// Content gives a part's content, decoded, at most MaxPart octets of it.
func (m *Message) Content(p *message.Part) ([]byte, error) {
	raw := io.NewSectionReader(m.src, p.BodyOff, p.EndOff-p.BodyOff)
	r, err := message.DecodeBody(raw, p.Encoding, p.Charset)
	if err != nil { // an encoding nobody knows: take it for none
		r = raw
	}
	return io.ReadAll(io.LimitReader(r, MaxPart))
}

// Text gives the first text/plain part: what a report says to people. It is
// empty when there is none.
func (m *Message) Text() ([]byte, error) {
	p := find(m.root, func(p *message.Part) bool { return p.Type == "text" && p.Subtype == "plain" })
	if p == nil {
		return nil, nil
	}
	return m.Content(p)
}

// Returned gives the header of the message that a report returns, whole or as
// header alone (RFC 6522 §4, RFC 6533 §4.4); empty when it returns none.
func (m *Message) Returned() ([]byte, error) {
	if p := m.Part("rfc822", "global"); p != nil && p.Message != nil && !encoded(p) {
		return m.octets(p.Message.HeaderOff, p.Message.BodyOff, message.MaxPartHeader)
	}
	p := find(m.root, func(p *message.Part) bool {
		return p.Type == "text" && p.Subtype == "rfc822-headers" || p.Type == "message" && (p.Subtype == "global-headers" || p.Subtype == "rfc822" || p.Subtype == "global")
	})
	if p == nil {
		return nil, nil
	}
	b, err := m.Content(p) // a body after the header does no harm: readers stop at the empty line
	return b[:min(len(b), message.MaxPartHeader)], err
}

// encoded tells a returned message under base64 or quoted-printable, which RFC
// 2046 §5.2.1 forbids and gateways do all the same.
func encoded(p *message.Part) bool { return p.Encoding == "base64" || p.Encoding == "quoted-printable" }
