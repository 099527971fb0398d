package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// Bounds of what a session may ask for: each is looked at on each change.
const (
	maxNotifyGroups = 32
	maxNotified     = 2000 // names of the account
)

type notifyArgs struct {
	none, status bool
	selected     *notifySelected
	groups       []notifyGroup
	unsupported  bool // an event that is none of ours
}

// notifySelected is what a client wants to hear of the selected mailbox.
type notifySelected struct {
	delayed bool // no EXPUNGE between commands
	events  events
	items   []fetchItem // to fetch of new messages
}

// notifyGroup is a set of mailboxes and what a client wants to hear of them.
type notifyGroup struct {
	mailboxFilter
	events events
}

// parseNotify parses
//
//	notify       = "NOTIFY" SP (notify-set / notify-none)            ; RFC 5465 §8
//	notify-set   = "SET" [SP "STATUS"] SP event-groups
//	notify-none  = "NONE"
//	event-groups = event-group *(SP event-group)
func parseNotify(s *session, d *wire.Decoder) (a notifyArgs) {
	switch d.Word() {
	case "NONE":
		a.none = true
		return a
	case "SET":
	default:
		d.Fail("expected SET or NONE")
	}
	d.SP()
	if d.Peek() != '(' {
		if d.Word() != "STATUS" {
			d.Fail("expected STATUS or a list")
		}
		a.status = true
		d.SP()
	}
	filters := &filterParser{s: s, only: filterDelayed}
	for n, first := 0, true; d.Err() == nil && (first || d.Try(' ')); first = false {
		if n++; n > maxNotifyGroups {
			d.Fail("too many event groups")
		}
		a.parseGroup(d, filters)
	}
	return a
}

// parseGroup parses
//
//	event-group = "(" filter-mailboxes SP events ")"
func (a *notifyArgs) parseGroup(d *wire.Decoder, filters *filterParser) {
	d.Expect('(')
	g := notifyGroup{mailboxFilter: filters.parse(d)}
	var sel *notifySelected
	if g.kind == filterSelected || g.kind == filterDelayed {
		if a.selected != nil {
			d.Fail("the selected mailbox is named twice")
		}
		sel = &notifySelected{delayed: g.kind == filterDelayed}
	}
	d.SP()
	g.events = a.parseEvents(d, sel)
	d.Expect(')')
	if sel != nil {
		sel.events, a.selected = g.events, sel
		return
	}
	a.groups = append(a.groups, g)
}

func runNotify(ctx context.Context, s *session, a notifyArgs) (reply, error) {
	if a.unsupported {
		names := make([]string, len(eventNames))
		for i, e := range eventNames {
			names[i] = e.name
		}
		return reply{}, no("BADEVENT ("+strings.Join(names, " ")+")", "there is no such event here")
	}
	if a.none {
		s.endNotify()
		s.setNotify(&notify{})
		return reply{}, nil
	}
	tree, err := s.mailboxTree(ctx, mail.RightLookup)
	if err != nil {
		return reply{}, err
	}
	if len(tree.nodes) > maxNotified {
		return reply{}, no("NOTIFICATIONOVERFLOW", "the account has too many mailboxes")
	}
	n := &notify{selected: a.selected, groups: a.groups, tree: tree}
	before := s.notify
	s.endNotify()
	if s.sel != nil { // an implicit NOOP (RFC 5465 §3.1)
		err = s.update(ctx, true)
	}
	var states map[mail.MailboxID]mail.MailboxState
	if err == nil {
		s.setNotify(n)
		if states, err = s.statesOf(ctx, s.notified()); err == nil && n.wants(eventMetadata|eventServerMetadata) {
			err = s.watchMetadata(ctx)
		}
	}
	if err != nil {
		s.notifyAgain(before)
		return reply{}, err
	}
	n.known = states
	s.notifyNoAccess()
	if a.status {
		s.notifyStatus()
	}
	return reply{}, nil
}
