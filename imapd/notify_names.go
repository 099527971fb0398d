package imapd

import (
	"context"
	"slices"
	"strings"

	"postroom/internal/mail"
)

// nameChange is one name of which a LIST response tells.
type nameChange struct {
	name, old string // old: what it was called before, else name
	event     events // MailboxName or SubscriptionChange, or both
}

// notifyNames reads the account's names and tells what changed (RFC 5465 §5.4,
// §5.5).
func (s *session) notifyNames(ctx context.Context) error {
	n := s.notify
	tree, err := s.mailboxTree(ctx, mail.RightLookup)
	if err != nil {
		return err
	}
	if len(tree.nodes) > maxNotified {
		s.notifyOverflow()
		return nil
	}
	was := n.tree
	for _, c := range nameChanges(was, tree) {
		subscribed := was.subscribed(c.name) || tree.subscribed(c.name)
		if c.event&n.events(c.name, subscribed) == 0 && c.event&n.events(c.old, subscribed) == 0 {
			continue
		}
		shown := tree.at[c.name]
		if shown == nil {
			shown = &node{name: c.name}
		}
		s.writeList(listArgs{returnSubscribed: true}, shown, c.old)
	}
	n.tree = tree
	n.learn(was)
	s.notifySelection()
	s.statesMoved.Store(true)
	return nil
}

// notifyOverflow gives NOTIFY up (RFC 5465 §5.8).
func (s *session) notifyOverflow() {
	s.enc.Raw("* OK [NOTIFICATIONOVERFLOW] the account has too many mailboxes\r\n")
	s.endNotify()
	s.setNotify(&notify{})
}

// learn begins with what is new under its name without knowing anything of it:
// then a STATUS tells what came meanwhile, and the new UIDVALIDITY in any case
// (RFC 5465 §5.1). It forgets what is gone.
func (n *notify) learn(was *mailboxTree) {
	now := n.tree.boxes()
	for id, b := range now {
		if old := was.at[b.name]; old == nil || old.box == nil || old.box.UIDValidity != b.box.UIDValidity {
			n.known[id] = mail.MailboxState{}
		}
	}
	for id := range n.known {
		if now[id] == nil {
			delete(n.known, id)
		}
	}
}

func (t *mailboxTree) boxes() map[mail.MailboxID]*node {
	all := make(map[mail.MailboxID]*node, len(t.nodes))
	for _, n := range t.nodes {
		if n.box != nil {
			all[n.box.ID] = n
		}
	}
	return all
}

// owners are the accounts of others that have any of the names.
func (n *notify) owners() (ids []mail.AccountID) {
	if n == nil || n.tree == nil {
		return nil
	}
	for _, node := range n.tree.nodes {
		if node.box != nil && isOther(node.name) && !slices.Contains(ids, node.box.Account) {
			ids = append(ids, node.box.Account)
		}
	}
	return ids
}

func (t *mailboxTree) subscribed(name string) bool {
	n := t.at[name]
	return n != nil && n.subscribed
}

// nameChanges compares two readings of an account's names, in order of names.
func nameChanges(was, now *mailboxTree) []nameChange {
	all := map[string]*nameChange{}
	note := func(name string, e events) *nameChange {
		c := all[name]
		if c == nil {
			c = &nameChange{name: name, old: name}
			all[name] = c
		}
		c.event |= e
		return c
	}
	noteWithParent := func(name string) {
		note(name, eventName)
		if i := strings.LastIndex(name, mail.Separator); i > 0 {
			note(name[:i], eventName)
		}
	}
	before, after := was.boxes(), now.boxes()
	for id, n := range after {
		old := before[id]
		switch {
		case old == nil:
			noteWithParent(n.name)
		case old.name != n.name && !movedAlong(was, now, old.name, n.name):
			note(n.name, eventName).old = old.name
		}
	}
	for id, n := range before {
		if after[id] == nil {
			noteWithParent(n.name)
		}
	}
	for _, t := range []*mailboxTree{was, now} {
		for _, n := range t.nodes {
			if was.subscribed(n.name) != now.subscribed(n.name) {
				note(n.name, eventSubscription)
			}
		}
	}
	changes := make([]nameChange, 0, len(all))
	for _, c := range all {
		changes = append(changes, *c)
	}
	slices.SortFunc(changes, func(a, b nameChange) int { return strings.Compare(a.name, b.name) })
	return changes
}

// movedAlong tells whether a mailbox has its new name because one above it was
// renamed: that alone is told (RFC 5465 §5.4).
func movedAlong(was, now *mailboxTree, from, to string) bool {
	for {
		i, j := strings.LastIndex(from, mail.Separator), strings.LastIndex(to, mail.Separator)
		if i <= 0 || j <= 0 || from[i:] != to[j:] {
			return false
		}
		from, to = from[:i], to[:j]
		a, b := was.at[from], now.at[to]
		if a != nil && b != nil && a.box != nil && b.box != nil && a.box.ID == b.box.ID {
			return true
		}
	}
}
