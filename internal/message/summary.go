package message

import "postroom/internal/mail"

// summarise fills in what the message's header says.
func (p *Parser) summarise(s *mail.Summary) {
	env := p.nodes[0].env
	s.Envelope = append([]byte(nil), p.arena[env.lo:env.hi]...)
	fromHeader(s, p.extra, p.top)
}

// Resummarise makes the header's part of s anew, as if extra stood before the
// message's own header: for lines that are decided once the header has been
// read, such as a missing Message-ID. header is what Parser.Header gave.
func Resummarise(s *mail.Summary, extra, header []byte) {
	o := headers{extra, header}.find()
	w := wire{left: maxWire}
	s.Envelope = w.envelope(nil, &o)
	fromHeader(s, extra, header)
}

func fromHeader(s *mail.Summary, extra, header []byte) {
	o := headers{extra, header}.find()
	s.Fields = listedFields(header)
	if len(extra) > 0 {
		both := append(append([]byte(nil), extra...), header...)
		s.Fields = listedFields(both)
	}
	s.MessageID = msgID(unfold(o.values[envMessageID]))
	s.ThreadKey = threadKey(o.references, o.values[envInReplyTo])
	s.SentAt = parseDate(o.values[0])
}
