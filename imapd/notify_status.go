package imapd

import (
	"context"

	"postroom/internal/mail"
)

// notified gives the mailboxes, but for the selected one, of whose messages the
// client wants to hear.
func (s *session) notified() (ids []mail.MailboxID) {
	for _, b := range s.notifiedBoxes() {
		ids = append(ids, b.ID)
	}
	return ids
}

func (s *session) notifiedBoxes() (boxes []*mail.Mailbox) {
	n := s.notify
	if n.tree == nil {
		return nil
	}
	for _, node := range n.tree.nodes {
		if node.box == nil || s.sel != nil && s.sel.mailbox.ID == node.box.ID {
			continue
		}
		if n.events(node.name, node.subscribed)&messageEvents != 0 {
			boxes = append(boxes, node.box)
		}
	}
	return boxes
}

// notifyStatus answers NOTIFY SET STATUS (RFC 5465 §3.1).
func (s *session) notifyStatus() {
	n := s.notify
	for _, b := range s.notifiedBoxes() {
		state, ok := n.known[b.ID]
		if !ok {
			continue
		}
		items := []string{"MESSAGES", "UIDNEXT", "UIDVALIDITY"}
		if n.eventsOf(b)&eventFlags != 0 {
			items = append(items, "HIGHESTMODSEQ")
		}
		s.writeStatus(*b, state, statusItemsOf(items))
	}
}

func (n *notify) eventsOf(b *mail.Mailbox) events {
	return n.events(b.Name, n.tree.at[b.Name].subscribed)
}

func statusItemsOf(names []string) (items []statusItem) {
	for _, name := range names {
		items = append(items, statusItem{name, statusItems[name]})
	}
	return items
}

// notifyStates tells which mailboxes have moved.
func (s *session) notifyStates(ctx context.Context) error {
	n := s.notify
	boxes := s.notifiedBoxes()
	if len(boxes) == 0 {
		return nil
	}
	states, err := s.srv.Store.States(ctx, s.identity.Account, s.notified())
	if err != nil {
		return err
	}
	for _, b := range boxes {
		now, ok := states[b.ID]
		if !ok {
			continue // deleted: that is a change of names
		}
		was, ok := n.known[b.ID]
		n.known[b.ID] = now
		if items := s.statusOf(n.eventsOf(b), was, now); ok && len(items) > 0 {
			s.writeStatus(*b, now, statusItemsOf(items))
		}
	}
	return nil
}

// statusOf gives the items that tell a change (RFC 5465 §5.1 to §5.3); none
// when it is not to be told.
func (s *session) statusOf(e events, was, now mail.MailboxState) (items []string) {
	condstore := s.has(featureCondstore)
	switch {
	case was.UIDNext != now.UIDNext || was.Messages != now.Messages:
		items = []string{"MESSAGES", "UIDNEXT"}
	case e&eventFlags == 0 || !condstore && was.Unseen == now.Unseen || was.HighestModSeq >= now.HighestModSeq:
		return nil
	}
	items = append(items, "UIDVALIDITY")
	if e&eventFlags != 0 {
		items = append(items, "UNSEEN")
	}
	if condstore {
		items = append(items, "HIGHESTMODSEQ")
	}
	return items
}
