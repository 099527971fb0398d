package imapd

import (
	"context"
	"errors"
	"slices"

	"postroom/internal/mail"
)

// notify is what a client asked for by NOTIFY (RFC 5465), and what it was told
// of mailboxes that are not selected. A nil notify: RFC 9051 alone.
type notify struct {
	selected *notifySelected // nil: nothing of the selected mailbox
	groups   []notifyGroup
	tree     *mailboxTree // names and subscriptions, as last told
	known    map[mail.MailboxID]mail.MailboxState

	watch    Watch // of the selected mailbox
	watchAll Watch // of the others
}

// renumber are the commands whose own responses are EXPUNGE.
var renumber = map[string]bool{"EXPUNGE": true, "UID EXPUNGE": true, "MOVE": true, "UID MOVE": true,
	"REPLACE": true, "UID REPLACE": true}

// tellsAfter tells whether what is new in the selected mailbox is told at the
// end of a command. Who does not want to hear of it keeps a snapshot of the
// mailbox (§5), until a command of its own changes the numbers.
func (n *notify) tellsAfter(command string) bool {
	return n == nil || n.hearsSelected() || renumber[command]
}

// hearsSelected: SELECTED NONE is the same as no SELECTED (§3.1).
func (n *notify) hearsSelected() bool { return n.selected != nil && n.selected.events != 0 }

// immediate tells whether EXPUNGE may come between commands (§6.1.1).
func (n *notify) immediate() bool {
	return n != nil && n.hearsSelected() && !n.selected.delayed
}

func (n *notify) ignoresFlags() bool {
	return n != nil && (n.selected == nil || n.selected.events&eventFlags == 0)
}

func (n *notify) events(name string, subscribed bool) (all events) {
	for i := range n.groups {
		if n.groups[i].covers(name, subscribed) {
			all |= n.groups[i].events
		}
	}
	return all
}

// wants tells whether any group has one of these events.
func (n *notify) wants(e events) bool {
	return n != nil && slices.ContainsFunc(n.groups, func(g notifyGroup) bool { return g.events&e != 0 })
}

// hearsMetadata tells whether changed entries of a mailbox, "" for the server,
// are told (§5.6, §5.7).
func (n *notify) hearsMetadata(name string) bool {
	if name == "" {
		return n.wants(eventServerMetadata)
	}
	return n.wants(eventMetadata) && n.events(name, n.tree.subscribed(name))&eventMetadata != 0
}

// notifyLeaving notes what the client knows of the mailbox that it leaves.
func (s *session) notifyLeaving() {
	if n := s.notify; n != nil && n.known != nil {
		v := s.sel.view
		n.known[s.sel.mailbox.ID] = mail.MailboxState{UIDNext: v.UIDNext(), HighestModSeq: v.ModSeq(), Messages: int64(v.Messages()), Unseen: -1}
		s.statesMoved.Store(true)
		s.conn.wake()
	}
}

// notifyChanges tells what is new, between commands or in IDLE. A store that is
// away is asked again later.
func (s *session) notifyChanges(ctx context.Context, idle bool) error {
	if s.notify == nil {
		return nil
	}
	err := s.notifyAll(ctx, idle)
	if err == nil || fatal(err) {
		return err
	}
	s.logInternal("NOTIFY", err)
	s.namesMoved.Store(true)
	s.statesMoved.Store(true)
	s.recheckLater()
	return nil
}

func (s *session) notifyAll(ctx context.Context, idle bool) error {
	n := s.notify
	s.tellMetadata(ctx)
	if s.namesMoved.Swap(false) && len(n.groups) > 0 {
		if err := s.notifyNames(ctx); err != nil || s.notify != n {
			return err
		}
	}
	if s.statesMoved.Swap(false) {
		if err := s.notifyStates(ctx); err != nil {
			return err
		}
	}
	if s.sel == nil || !n.hearsSelected() {
		return nil
	}
	s.sel.stale = s.selectedMoved.Swap(false) || s.sel.stale
	if err := s.update(ctx, idle || !n.selected.delayed); err != nil {
		return err
	}
	if idle && len(n.selected.items) == 0 {
		s.sel.view.Release()
	}
	return nil
}

// fetchNew sends what NOTIFY asked for of messages that came: UIDs from next
// on. One that is gone again is passed over.
func (s *session) fetchNew(ctx context.Context, next mail.UID) error {
	n := s.notify
	if n == nil || n.selected == nil || len(n.selected.items) == 0 || s.sel.view.UIDNext() <= next {
		return nil
	}
	if err := s.viewError(s.sel.view.Build(ctx)); err != nil {
		return err
	}
	a := fetchArgs{items: n.selected.items}
	err := newFetch(s, a).run(ctx, s.sel.view.Clip(mail.UIDSet{{Lo: next, Hi: s.sel.view.UIDNext() - 1}}))
	var gone *failure
	if errors.As(err, &gone) {
		return nil
	}
	return err
}
