package imapd

import (
	"context"
	"sort"
	"strings"

	"postroom/internal/mail"
)

// node is one name that LIST or LSUB may show.
type node struct {
	name            string
	box             *mail.Mailbox // nil: no such mailbox
	parent          bool          // mailboxes lie below it
	rights          mail.Rights
	subscribed      bool
	subscribedBelow bool
	childInfo       bool // a name below it is what LIST RECURSIVEMATCH looks for
}

func (n *node) id() mail.MailboxID {
	if n.box == nil {
		return 0
	}
	return n.box.ID
}

func (n *node) matches(reference string, patterns []string) bool {
	for _, p := range patterns {
		if matchMailbox(canonicalInbox(reference+p), n.name) ||
			n.name == mail.Inbox && matchMailbox(strings.ToUpper(reference+p), n.name) { // INBOX in any case
			return true
		}
	}
	return false
}

// mailboxTree is all names of an account, INBOX first.
type mailboxTree struct {
	nodes []*node
	at    map[string]*node
}

// mailboxTree reads names and subscriptions; others adds what others share with
// any of these rights.
func (s *session) mailboxTree(ctx context.Context, others mail.Rights) (*mailboxTree, error) {
	boxes, err := s.srv.Store.Mailboxes(ctx, s.identity.Account)
	if err != nil {
		return nil, err
	}
	subscriptions, err := s.srv.Store.Subscriptions(ctx, s.identity.Account)
	if err != nil {
		return nil, err
	}
	t := &mailboxTree{at: map[string]*node{}}
	for i := range boxes {
		n := t.node(boxes[i].Name)
		n.box, n.rights = &boxes[i], mail.AllRights
		t.above(boxes[i].Name, func(n *node) { n.parent = true })
	}
	if others != 0 {
		if err := s.addShared(ctx, t, others); err != nil {
			return nil, err
		}
	}
	for _, name := range subscriptions {
		t.node(name).subscribed = true
		t.above(name, func(n *node) { n.subscribedBelow = true })
	}
	sort.Slice(t.nodes, func(i, j int) bool {
		a, b := t.nodes[i].name, t.nodes[j].name
		if (a == mail.Inbox) != (b == mail.Inbox) {
			return a == mail.Inbox
		}
		return a < b
	})
	return t, nil
}

func (t *mailboxTree) node(name string) *node {
	n := t.at[name]
	if n == nil {
		n = &node{name: name}
		t.at[name] = n
		t.nodes = append(t.nodes, n)
	}
	return n
}

// above visits every name that name lies below.
func (t *mailboxTree) above(name string, visit func(*node)) {
	for {
		i := strings.LastIndex(name, mail.Separator)
		if i <= 0 {
			return
		}
		name = name[:i]
		visit(t.node(name))
	}
}
