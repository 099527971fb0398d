package imapd

import (
	"context"
	"slices"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// statusItem is a row of the table of STATUS items.
type statusItem struct {
	name  string
	value func(*session, mail.Mailbox, mail.MailboxState) uint64
	text  func(mail.Mailbox) string // instead of value
}

// statusItems are the items of RFC 9051 §6.3.11 and RFC 3501 §6.3.10, and of
// CONDSTORE (7162 §3.1.7), APPENDLIMIT (7889 §3.1) and QUOTA (9208 §4.1.4).
var statusItems = map[string]func(*session, mail.Mailbox, mail.MailboxState) uint64{
	"MESSAGES":      func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.Messages) },
	"RECENT":        func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.Recent) },
	"UIDNEXT":       func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.UIDNext) },
	"UIDVALIDITY":   func(_ *session, b mail.Mailbox, _ mail.MailboxState) uint64 { return uint64(b.UIDValidity) },
	"UNSEEN":        func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.Unseen) },
	"DELETED":       func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.Deleted) },
	"SIZE":          func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.Bytes) },
	"HIGHESTMODSEQ": func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 { return uint64(st.HighestModSeq) },
	"APPENDLIMIT":   func(s *session, _ mail.Mailbox, _ mail.MailboxState) uint64 { return uint64(s.srv.MaxMessageSize) },
	"DELETED-STORAGE": func(_ *session, _ mail.Mailbox, st mail.MailboxState) uint64 {
		return uint64(st.DeletedBytes+1023) / 1024
	},
}

type statusArgs struct {
	name  string
	items []statusItem
}

// parseStatus parses
//
//	status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"   ; RFC 9051 §6.3.11
func parseStatus(s *session, d *wire.Decoder) (a statusArgs) {
	a.name = s.mailboxName(d)
	d.SP()
	a.items = parseStatusItems(d)
	return a
}

func parseStatusItems(d *wire.Decoder) (items []statusItem) {
	d.Expect('(')
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		name := d.Word()
		it := statusItem{name, statusItems[name], statusTexts[name]}
		if it.value == nil && it.text == nil {
			d.Fail("unknown STATUS item")
		}
		items = append(items, it)
	}
	d.Expect(')')
	return items
}

func wants(items []statusItem, name string) bool {
	return slices.ContainsFunc(items, func(it statusItem) bool { return it.name == name })
}

func runStatus(ctx context.Context, s *session, a statusArgs) (reply, error) {
	if wants(a.items, "HIGHESTMODSEQ") {
		s.enable(featureCondstore)
	}
	p, ok, err := s.statusAhead(ctx, a.name)
	if err == nil && !ok {
		p, err = s.placeWith(ctx, a.name, mail.RightRead)
	}
	if err != nil {
		return reply{}, err
	}
	states := map[mail.MailboxID]mail.MailboxState{p.box.ID: p.state}
	if err := s.countUnclaimed(ctx, p.box.Account, a.items, states); err != nil {
		return reply{}, err
	}
	s.writeStatus(p.box, states[p.box.ID], a.items)
	return reply{}, nil
}

func (s *session) writeStatus(box mail.Mailbox, state mail.MailboxState, items []statusItem) {
	s.enc.Raw("* STATUS ").Mailbox(box.Name).Raw(" (")
	for i, it := range items {
		if i > 0 {
			s.enc.Raw(" ")
		}
		s.enc.Raw(it.name, " ")
		if it.text != nil {
			s.enc.Raw(it.text(box))
			continue
		}
		s.enc.Number(it.value(s, box, state))
	}
	s.enc.Raw(")\r\n")
}
