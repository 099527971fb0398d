package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type selectArgs struct {
	name      givenName
	condstore bool
	resync    *resync // nil: QRESYNC was not given
}

// parseSelect parses
//
//	select       = "SELECT" SP mailbox [select-params]     ; RFC 9051 §6.3.2, RFC 4466 §2.1
//	examine      = "EXAMINE" SP mailbox [select-params]
//	select-param =/ "CONDSTORE"                            ; RFC 7162 §3.1.8
//	select-param =/ "QRESYNC" SP "(" … ")"                 ; RFC 7162 §3.2.5
func parseSelect(s *session, d *wire.Decoder) (a selectArgs) {
	a.name = s.givenName(d)
	if !d.Try(' ') {
		return a
	}
	d.Expect('(')
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		switch d.Word() {
		case "CONDSTORE":
			a.condstore = true
		case "QRESYNC":
			a.resync = parseResync(s, d)
		default:
			d.Fail("unknown SELECT parameter")
		}
	}
	d.Expect(')')
	return a
}

func runSelect(ctx context.Context, s *session, a selectArgs) (reply, error) {
	return s.open(ctx, a, false)
}

func runExamine(ctx context.Context, s *session, a selectArgs) (reply, error) {
	return s.open(ctx, a, true)
}

func (s *session) open(ctx context.Context, a selectArgs, readOnly bool) (reply, error) {
	if s.has(featureUIDOnly) && a.resync != nil && a.resync.seqs != nil {
		return reply{}, uidRequired() // RFC 9586 §3.7
	}
	if s.sel != nil {
		// A SELECT that fails leaves no mailbox selected (RFC 9051 §6.3.2).
		s.unselect()
		s.enc.Raw("* OK [CLOSED] the mailbox before is closed\r\n")
	}
	if a.condstore {
		s.enable(featureCondstore)
	}
	before := s.heard()
	p, err := s.placeToOpen(ctx, a.name.name)
	if err != nil {
		return reply{}, err
	}
	var shown *node // IMAP4rev2 is told the attributes (RFC 9051 §6.3.2)
	if s.has(featureRev2) {
		var others mail.Rights
		if p.box.Account != s.identity.Account {
			others = mail.RightLookup
		}
		tree, err := s.mailboxTree(ctx, others)
		if err != nil {
			return reply{}, err
		}
		shown = tree.at[a.name.name]
	}
	ch, err := s.selectMailbox(ctx, p, readOnly, a.resync, before)
	if err != nil {
		return reply{}, err
	}
	s.findRecent(ctx, 0)
	unseen, err := s.firstUnseen(ctx, ch.State)
	if err != nil {
		s.unselect()
		return reply{}, err
	}
	s.writeSelected(ch.State, unseen)
	if shown != nil {
		s.writeList(listArgs{}, shown, a.name.given)
	}
	if a.resync.of(s.sel.mailbox) {
		if err := s.resync(ctx, a.resync, ch); err != nil {
			s.unselect()
			return reply{}, err
		}
	}
	if readOnly {
		return reply{code: "READ-ONLY", text: "EXAMINE completed"}, nil
	}
	if s.sel.readOnly {
		return reply{code: "READ-ONLY", text: "SELECT completed"}, nil
	}
	return reply{code: "READ-WRITE", text: "SELECT completed"}, nil
}

// placeToOpen finds a mailbox that the user may read, and reads the keywords of
// its account along.
func (s *session) placeToOpen(ctx context.Context, name string) (place, error) {
	var keywords []string
	p, err := s.placeBy(ctx, name, func(ctx context.Context, a mail.AccountID, name string) (box mail.Mailbox, st mail.MailboxState, err error) {
		box, st, keywords, err = s.srv.Store.OpenMailbox(ctx, a, name)
		return box, st, err
	})
	if err == nil {
		err = p.need(mail.RightRead)
	}
	if err == nil {
		s.kw = keywordNames{account: p.box.Account, names: keywords, loaded: true}
	}
	return p, err
}

func (s *session) writeSelected(state mail.MailboxState, unseen uint32) {
	s.enc.Raw("* ").Number(uint64(state.Messages)).Raw(" EXISTS\r\n")
	s.writeRecent()
	s.writeFlagsResponse()
	if unseen > 0 {
		s.enc.Raw("* OK [UNSEEN ").Number(uint64(unseen)).Raw("] first unseen\r\n")
	}
	s.enc.Raw("* OK [UIDVALIDITY ").Number(uint64(s.sel.mailbox.UIDValidity)).Raw("] UIDs valid\r\n")
	s.enc.Raw("* OK [UIDNEXT ").Number(uint64(state.UIDNext)).Raw("] next UID\r\n")
	s.writeHighest(state.HighestModSeq)
	s.enc.Raw("* OK [", mailboxIDCode(s.sel.mailbox), "] mailbox id\r\n")
}

func (s *session) writeHighest(m mail.ModSeq) {
	s.enc.Raw("* OK [HIGHESTMODSEQ ").Number(uint64(m)).Raw("] highest\r\n")
}
