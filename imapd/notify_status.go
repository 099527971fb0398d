package imapd

import (
	"context"
	"maps"
	"slices"

	"postroom/internal/mail"
)

// notified gives the mailboxes, but for the selected one, of whose messages the
// client wants to hear and may.
func (s *session) notified() (boxes []mail.Mailbox) {
	n := s.notify
	if n.tree == nil {
		return nil
	}
	for _, node := range n.tree.nodes {
		if node.box == nil || !node.rights.Has(mail.RightRead) || s.sel != nil && s.sel.mailbox.ID == node.box.ID {
			continue
		}
		if n.events(node.name, node.subscribed)&messageEvents != 0 {
			boxes = append(boxes, *node.box)
		}
	}
	return boxes
}

// statesOf reads the states of mailboxes of any accounts.
func (s *session) statesOf(ctx context.Context, boxes []mail.Mailbox) (map[mail.MailboxID]mail.MailboxState, error) {
	ids := map[mail.AccountID][]mail.MailboxID{}
	for _, b := range boxes {
		ids[b.Account] = append(ids[b.Account], b.ID)
	}
	all := map[mail.MailboxID]mail.MailboxState{}
	for account, list := range ids {
		states, err := s.srv.Store.States(ctx, account, list)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, states)
	}
	return all, nil
}

// readable leaves out mailboxes of others that the user may no longer read: the
// tree is as old as the last change that was told.
func (s *session) readable(ctx context.Context, boxes []mail.Mailbox) ([]mail.Mailbox, error) {
	if len(s.notify.owners()) == 0 {
		return boxes, nil
	}
	list, err := s.srv.Store.SharedMailboxes(ctx, s.identity.Account)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(boxes, func(b mail.Mailbox) bool {
		return b.Account != s.identity.Account && !slices.ContainsFunc(list, func(m mail.SharedMailbox) bool {
			return m.ID == b.ID && m.Rights.Has(mail.RightLookup|mail.RightRead)
		})
	}), nil
}

// notifyNoAccess names what the client may look up and not read (RFC 5465 §3.1).
func (s *session) notifyNoAccess() {
	n := s.notify
	for _, node := range n.tree.nodes {
		if node.box != nil && !node.rights.Has(mail.RightRead) && n.events(node.name, node.subscribed) != 0 {
			s.enc.Raw(`* LIST (\NoAccess) "`, mail.Separator, `" `).Mailbox(node.name).CRLF()
		}
	}
}

// notifyStatus answers NOTIFY SET STATUS (RFC 5465 §3.1).
func (s *session) notifyStatus() {
	n := s.notify
	for _, b := range s.notified() {
		state, ok := n.known[b.ID]
		if !ok {
			continue
		}
		items := []string{"MESSAGES", "UIDNEXT", "UIDVALIDITY"}
		if n.eventsOf(b)&eventFlags != 0 {
			items = append(items, "HIGHESTMODSEQ")
		}
		s.writeStatus(b, state, statusItemsOf(items))
	}
}

func (n *notify) eventsOf(b mail.Mailbox) events {
	return n.events(b.Name, n.tree.at[b.Name].subscribed)
}

func statusItemsOf(names []string) (items []statusItem) {
	for _, name := range names {
		items = append(items, statusItem{name: name, value: statusItems[name]})
	}
	return items
}

// notifyStates tells which mailboxes have moved.
func (s *session) notifyStates(ctx context.Context) error {
	n := s.notify
	boxes, err := s.readable(ctx, s.notified())
	if err != nil || len(boxes) == 0 {
		return err
	}
	states, err := s.statesOf(ctx, boxes)
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
		if items := s.changedItems(n.eventsOf(b), was, now); ok && len(items) > 0 {
			s.writeStatus(b, now, statusItemsOf(items))
		}
	}
	return nil
}

// changedItems gives the items that tell a change (RFC 5465 §5.1 to §5.3); none
// when it is not to be told.
func (s *session) changedItems(e events, was, now mail.MailboxState) (items []string) {
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
