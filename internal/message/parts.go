package message

// Part is one entity of a stored message: the message itself, or a MIME part.
// Offsets are octets from the begin of the blob (what is put before the blob,
// such as Return-Path, belongs to the root's header and is not counted here).
type Part struct {
	// Type, Subtype, Encoding and Charset are in lower case; a part without
	// Content-Type has its default, "" means no charset.
	Type, Subtype, Encoding, Charset string

	HeaderOff int64 // first octet of its header
	BodyOff   int64 // first octet after the header's empty line
	EndOff    int64 // first octet after its body
	Lines     int64 // line ends in its body

	Children []*Part // of a multipart: at least one
	Message  *Part   // of message/rfc822 and message/global
}

// IsMultipart tells whether the part consists of others.
func (p *Part) IsMultipart() bool { return len(p.Children) > 0 }

// Find gives the part that IMAP numbers path (RFC 9051 §6.4.5.1), nil when
// there is none. An empty path is the message itself; in a message that is no
// multipart, 1 is its body. BODY[path] are the octets from BodyOff to EndOff,
// BODY[path.MIME] those from HeaderOff to BodyOff; see Section for the others.
func (p *Part) Find(path []int) *Part {
	atRoot := true
	for _, n := range path {
		if !atRoot && p.Message != nil {
			p, atRoot = p.Message, true
		}
		switch {
		case p.IsMultipart():
			if n < 1 || n > len(p.Children) {
				return nil
			}
			p, atRoot = p.Children[n-1], false
		case atRoot && n == 1:
			atRoot = false // its single part is its body
		default:
			return nil
		}
	}
	return p
}

// Text names what of a part a section asks for.
type Text uint8

// The kinds of section (RFC 9051 §9, section-spec).
const (
	TextAll    Text = iota // BODY[] and BODY[1.2]
	TextHeader             // HEADER
	TextBody               // TEXT
	TextMIME               // MIME
)

// Section gives the octets of BODY[path.text] in the blob: n octets from off
// on. It is false when there is no such section: HEADER and TEXT of a path need
// a message there, MIME needs a path.
func (p *Part) Section(path []int, text Text) (off, n int64, ok bool) {
	at := p.Find(path)
	if at == nil || text == TextMIME && len(path) == 0 {
		return 0, 0, false
	}
	if len(path) > 0 && (text == TextHeader || text == TextBody) {
		if at = at.Message; at == nil {
			return 0, 0, false
		}
	}
	lo, hi := at.BodyOff, at.EndOff
	switch {
	case text == TextHeader || text == TextMIME:
		lo, hi = at.HeaderOff, at.BodyOff
	case text == TextAll && len(path) == 0:
		lo = at.HeaderOff
	}
	return lo, hi - lo, true
}
