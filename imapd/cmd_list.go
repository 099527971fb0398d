package imapd

import (
	"context"
	"maps"

	"golang.org/x/text/unicode/norm"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type listArgs struct {
	subscribed, recursive, specialUse bool // selection options
	reference                         string
	patterns                          []string
	returnSubscribed, myRights        bool
	status                            []statusItem
	metadata                          []string // entries
}

// Bounds of what LIST matches: patterns times names is work. maxPattern octets
// have all patterns of a list together.
const (
	maxPattern  = 2048
	maxPatterns = 64
)

// parseList parses
//
//	list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat
//	       [SP list-return-opts]            ; RFC 9051 §6.3.9, RFC 5258
//	mbox-or-pat = list-mailbox / patterns
func parseList(s *session, d *wire.Decoder) (a listArgs) {
	if d.Peek() == '(' {
		parseListSelect(d, &a)
		d.SP()
	}
	a.reference = s.pattern(d, d.AString())
	d.SP()
	if d.Try('(') {
		total := 0
		for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
			p := s.pattern(d, d.ListMailbox())
			if total += len(a.reference) + len(p); len(a.patterns) >= maxPatterns || total > maxPattern {
				d.Fail("too many mailbox patterns")
			}
			a.patterns = append(a.patterns, p)
		}
		d.Expect(')')
	} else {
		a.patterns = []string{s.pattern(d, d.ListMailbox())}
	}
	if d.Try(' ') {
		if d.Word() != "RETURN" {
			d.Fail("expected RETURN")
		}
		d.SP()
		parseListReturn(d, &a)
	}
	return a
}

// list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")"
func parseListSelect(d *wire.Decoder, a *listArgs) {
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		switch d.Word() {
		case "SUBSCRIBED":
			a.subscribed = true
		case "SPECIAL-USE":
			a.specialUse = true
		case "RECURSIVEMATCH":
			a.recursive = true
		case "REMOTE": // there are no remote mailboxes
		default:
			d.Fail("unknown LIST selection option")
		}
	}
	if a.recursive && !a.subscribed && !a.specialUse {
		d.Fail("RECURSIVEMATCH needs an option that selects")
	}
}

// list-return-opts = "RETURN" SP "(" [list-return-opt *(SP list-return-opt)] ")"
func parseListReturn(d *wire.Decoder, a *listArgs) {
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		switch d.Word() {
		case "SUBSCRIBED":
			a.returnSubscribed = true
		case "CHILDREN", "SPECIAL-USE": // always told
		case "MYRIGHTS": // RFC 8440
			a.myRights = true
		case "STATUS":
			d.SP()
			a.status = parseStatusItems(d)
		case "METADATA": // RFC 9590: "METADATA" SP "(" entry *(SP entry) ")"
			d.SP()
			d.Expect('(')
			a.metadata = parseNames(d)
		default:
			d.Fail("unknown LIST return option")
		}
	}
}

// pattern decodes a name with wildcards; one that can't be a name matches
// nothing, so it is not an error.
func (s *session) pattern(d *wire.Decoder, raw string) string {
	name, ok := s.decodeName(raw)
	if !ok {
		return "\x00"
	}
	name = norm.NFC.String(name)
	if len(name) > maxPattern {
		d.Fail("mailbox pattern too long")
	}
	return name
}

func runList(ctx context.Context, s *session, a listArgs) (reply, error) {
	if len(a.patterns) == 1 && a.patterns[0] == "" && !a.subscribed && !a.specialUse {
		// The separator and the root of the reference (RFC 9051 §6.3.9).
		s.enc.Raw(`* LIST (\Noselect) "/" ""`, "\r\n")
		return reply{}, nil
	}
	tree, err := s.mailboxTree(ctx, mail.RightLookup)
	if err != nil {
		return reply{}, err
	}
	shown := a.shown(tree)
	states, err := s.listStates(ctx, a, shown)
	if err != nil {
		return reply{}, err
	}
	annotations := a.annotations(shown)
	for _, n := range shown {
		s.writeList(a, n, n.name)
		if a.myRights && n.box != nil && a.selects(n) {
			s.writeMyRights(n.name, n.rights)
		}
		if state, ok := states[n.id()]; ok {
			s.writeStatus(*n.box, state, a.status)
		}
		if a.annotated(n) {
			if err := annotations.writeNext(ctx, s); err != nil {
				return reply{}, err
			}
		}
	}
	return reply{}, nil
}

// shown gives the names that match. With RECURSIVEMATCH these are also names
// above one that is selected and not shown itself (RFC 9051 §6.3.9.3, §6.3.9.6).
func (a *listArgs) shown(tree *mailboxTree) (shown []*node) {
	match := make(map[*node]bool, len(tree.nodes))
	for _, n := range tree.nodes {
		match[n] = n.matches(a.reference, a.patterns)
	}
	needed := map[*node]bool{}
	if a.recursive && a.subscribed {
		for _, n := range tree.nodes {
			if a.selects(n) {
				tree.above(n.name, func(up *node) {
					up.childInfo = true
					needed[up] = needed[up] || !match[n]
				})
			}
		}
	}
	for _, n := range tree.nodes {
		if match[n] && (a.selects(n) || needed[n]) {
			shown = append(shown, n)
		}
	}
	return shown
}

// selects applies the selection options to the name itself.
func (a *listArgs) selects(n *node) bool {
	if !a.subscribed && !a.specialUse {
		return n.box != nil || n.parent
	}
	return (!a.subscribed || n.subscribed) && (!a.specialUse || n.box != nil && n.box.SpecialUse != "")
}

// listStates reads all counters of an account in one go (RFC 5819).
func (s *session) listStates(ctx context.Context, a listArgs, shown []*node) (map[mail.MailboxID]mail.MailboxState, error) {
	if len(a.status) == 0 {
		return nil, nil
	}
	ids := map[mail.AccountID][]mail.MailboxID{}
	for _, n := range shown {
		if n.box != nil && n.rights.Has(mail.RightRead) {
			ids[n.box.Account] = append(ids[n.box.Account], n.box.ID)
		}
	}
	if wants(a.status, "HIGHESTMODSEQ") {
		s.enable(featureCondstore)
	}
	all := map[mail.MailboxID]mail.MailboxState{}
	for account, list := range ids {
		states, err := s.srv.Store.States(ctx, account, list)
		if err == nil {
			err = s.countUnclaimed(ctx, account, a.status, states)
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(all, states)
	}
	return all, nil
}

// writeList writes a LIST response; given is how the client called it.
func (s *session) writeList(a listArgs, n *node, given string) {
	s.enc.Raw("* LIST (")
	if n.box == nil {
		s.enc.Raw(`\NonExistent \Noselect `)
	}
	if n.parent {
		s.enc.Raw(`\HasChildren`)
	} else {
		s.enc.Raw(`\HasNoChildren`)
	}
	if n.subscribed && (a.subscribed || a.returnSubscribed) {
		s.enc.Raw(` \Subscribed`)
	}
	if n.box != nil && n.box.SpecialUse != "" {
		s.enc.Raw(" ", n.box.SpecialUse)
	}
	s.enc.Raw(`) "/" `).Mailbox(n.name)
	switch {
	case n.childInfo:
		s.enc.Raw(` ("CHILDINFO" ("SUBSCRIBED"))`)
	case n.name != given:
		s.enc.Raw(` ("OLDNAME" (`).Mailbox(given).Raw("))")
	}
	s.enc.CRLF()
}
