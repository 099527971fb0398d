package message

import "postroom/internal/mail"

// summarise fills in what the message's header says.
func (p *Parser) summarise(s *mail.Summary) {
	env := p.nodes[0].env
	s.Envelope = append([]byte(nil), p.arena[env.lo:env.hi]...)
	o := &p.fields
	header := p.top
	if len(p.extra) > 0 {
		header = append(append([]byte(nil), p.extra...), p.top...)
	}
	s.Fields = listedFields(header)
	s.MessageID = msgID(unfold(o.values[envMessageID]))
	s.ThreadKey = threadKey(o.references, o.values[envInReplyTo])
	s.SentAt = parseDate(o.values[0])
}
