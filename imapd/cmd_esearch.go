package imapd

import (
	"context"
	"slices"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type esearchArgs struct {
	searchArgs
	sources []mailboxFilter // none: the selected mailbox
}

// maxSources bounds the mailbox specifiers of one ESEARCH.
const maxSources = 100

// parseESearch parses
//
//	esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
//	esearch-source-opts = "IN" SP "(" filter-mailboxes *(SP filter-mailboxes) ")"   ; RFC 7377 §4
func parseESearch(s *session, d *wire.Decoder) *esearchArgs {
	a := &esearchArgs{}
	if d.TryWord("IN") {
		d.SP()
		d.Expect('(')
		filters := filterParser{s: s, only: "SUBTREE-ONE"}
		for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
			if a.sources = append(a.sources, filters.parse(d)); len(a.sources) > maxSources {
				d.Fail("too many mailbox specifiers")
			}
		}
		d.Expect(')')
		d.SP()
	}
	a.parseReturn(d)
	if a.returns == (searchReturn{}) {
		a.returns.all = true
	}
	a.extended, a.mailboxes = true, true
	a.parseProgram(s, d)
	return a
}

func runESearch(ctx context.Context, s *session, a *esearchArgs) (reply, error) {
	here := len(a.sources) == 0
	elsewhere := false
	for _, f := range a.sources {
		here = here || f.kind == filterSelected
		elsewhere = elsewhere || f.kind != filterSelected
	}
	switch {
	case s.sel == nil && (here || a.returns.update):
		return reply{}, bad("no mailbox is selected")
	case elsewhere && a.returns.save:
		return reply{}, bad("SAVE goes with the selected mailbox only") // RFC 7377 §2.2
	}
	var boxes []mail.Mailbox
	if elsewhere {
		err := s.fill(ctx, &a.searchArgs)
		if err != nil {
			return reply{}, err
		}
		if boxes, err = s.sources(ctx, a.sources); err != nil {
			return reply{}, err
		}
	}
	step := s.counting(int64(len(boxes)))
	for _, box := range boxes {
		if s.sel != nil && s.sel.mailbox.ID == box.ID {
			here = true
			continue
		}
		if err := s.searchIn(ctx, box, a); err != nil {
			return reply{}, err
		}
		step(1)
	}
	if !here {
		return reply{}, nil
	}
	s.holdNumbers(&a.searchArgs)
	// The selected mailbox comes last: UPDATE keeps the program as it is for it.
	return s.search(ctx, &a.searchArgs, true)
}

// sources gives the mailboxes that any filter holds, in the order of LIST. What
// the user may not read is passed over, and so is what he may not look up and
// does not name (RFC 7377 §2.2).
func (s *session) sources(ctx context.Context, filters []mailboxFilter) (boxes []mail.Mailbox, err error) {
	tree, err := s.mailboxTree(ctx, mail.RightLookup|mail.RightRead)
	if err != nil {
		return nil, err
	}
	for _, n := range tree.nodes {
		if n.box != nil && n.rights.Has(mail.RightRead) && slices.ContainsFunc(filters, func(f mailboxFilter) bool { return f.finds(n) }) {
			boxes = append(boxes, *n.box)
		}
	}
	return boxes, nil
}

// searchIn searches a mailbox that is not selected, through a view of its own.
// One that was deleted meanwhile holds nothing.
func (s *session) searchIn(ctx context.Context, box mail.Mailbox, a *esearchArgs) error {
	states, err := s.srv.Store.States(ctx, box.Account, []mail.MailboxID{box.ID})
	if err != nil {
		return err
	}
	state, ok := states[box.ID]
	if !ok {
		return nil
	}
	selected, keywords := s.sel, s.kw
	s.sel = &selection{mailbox: box, readOnly: true, view: s.srv.Views.Open(box.Account, box.ID, state)}
	if s.kw.account != box.Account {
		s.kw = keywordNames{}
	}
	defer func() {
		s.sel.close()
		s.sel, s.kw = selected, keywords
	}()
	if err := s.sel.view.Build(ctx); mail.Is(err, mail.CodeNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := s.admit(ctx, &a.searchArgs); err != nil {
		return err
	}
	found, err := s.evaluate(ctx, &a.searchArgs)
	if err != nil {
		return err
	}
	s.writeESearch(&a.searchArgs, true, found)
	return s.enc.Err()
}
