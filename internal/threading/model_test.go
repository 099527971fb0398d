package threading

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tree is the algorithm REFERENCES step by step as RFC 5256 words it, with no
// thought of time.
type tree struct {
	m      *Message
	parent *tree
	kids   []*tree
}

func (n *tree) cut() {
	if n.parent != nil {
		n.parent.kids = slices.DeleteFunc(n.parent.kids, func(k *tree) bool { return k == n })
		n.parent = nil
	}
}

func (n *tree) under(p *tree) {
	for a := p; a != nil; a = a.parent {
		if a == n {
			return
		}
	}
	n.parent, p.kids = p, append(p.kids, n)
}

func model(messages []*Message) string {
	root := joined(messages)
	root.sort()
	root.merge()
	root.sort()
	return root.text()
}

// modelRefs is the algorithm REFS, likewise.
func modelRefs(messages []*Message) string {
	root := joined(messages)
	root.sort()
	slices.SortFunc(root.kids, func(a, b *tree) int {
		x, y := a.newest(), b.newest()
		return cmp.Or(cmp.Compare(x.Received, y.Received), cmp.Compare(x.Number, y.Number))
	})
	return root.text()
}

func (n *tree) newest() *Message {
	last := n.m
	for _, k := range n.kids {
		m := k.newest()
		if last == nil || m.Received > last.Received || m.Received == last.Received && m.Number > last.Number {
			last = m
		}
	}
	return last
}

// joined is what both have in common: steps (1) to (3).
func joined(messages []*Message) *tree {
	ids, all := map[string]*tree{}, []*tree{}
	node := func(id string) *tree {
		n := ids[id]
		if n == nil {
			n = &tree{}
			ids[id] = n
			all = append(all, n)
		}
		return n
	}
	for _, m := range messages {
		n := &tree{}
		if have := ids[m.ID]; m.ID != "" && (have == nil || have.m == nil) {
			n = node(m.ID)
		} else {
			all = append(all, n)
		}
		n.m = m
		var last *tree
		for _, id := range m.References {
			next := node(id)
			if last != nil && next.parent == nil {
				next.under(last)
			}
			last = next
		}
		n.cut()
		if last != nil {
			n.under(last)
		}
	}
	root := &tree{}
	for _, n := range all {
		if n.parent == nil {
			root.kids = append(root.kids, n)
		}
	}
	root.prune(true)
	return root
}

func (n *tree) text() string {
	var b strings.Builder
	for _, k := range n.kids {
		k.write(&b)
	}
	return b.String()
}

func (n *tree) prune(top bool) {
	var kids []*tree
	for _, k := range n.kids {
		k.prune(false)
		switch {
		case k.m != nil:
			kids = append(kids, k)
		case len(k.kids) == 0:
		case !top || len(k.kids) == 1:
			kids = append(kids, k.kids...)
		default:
			kids = append(kids, k)
		}
	}
	n.kids = kids
}

func (n *tree) head() *Message {
	if n.m == nil {
		return n.kids[0].m
	}
	return n.m
}

func (n *tree) sort() {
	for _, k := range n.kids {
		k.sort()
	}
	slices.SortFunc(n.kids, func(a, b *tree) int {
		if x, y := a.head(), b.head(); x.Sent != y.Sent {
			return int(x.Sent - y.Sent)
		}
		return int(a.head().Number) - int(b.head().Number)
	})
}

func (n *tree) merge() {
	table := map[string]*tree{}
	for _, k := range n.kids {
		s := string(k.head().Subject)
		if s == "" {
			continue
		}
		t := table[s]
		if t == nil || t.m != nil && (k.m == nil || t.m.Reply && !k.m.Reply) {
			table[s] = k
		}
	}
	gone := map[*tree]bool{}
	for _, k := range slices.Clone(n.kids) {
		s := string(k.head().Subject)
		t := table[s]
		if s == "" || t == k || gone[k] {
			continue
		}
		gone[k] = true
		switch {
		case t.m == nil && k.m == nil:
			t.kids = append(t.kids, k.kids...)
		case t.m == nil, k.head().Reply && !t.m.Reply:
			t.kids = append(t.kids, k)
		default:
			d := &tree{kids: []*tree{t, k}}
			table[s], gone[t] = d, true
			n.kids = append(n.kids, d)
		}
	}
	n.kids = slices.DeleteFunc(n.kids, func(k *tree) bool { return gone[k] })
}

func (n *tree) write(b *strings.Builder) {
	b.WriteByte('(')
	if n.m != nil {
		fmt.Fprint(b, n.m.Number)
	}
	for _, k := range n.kids {
		k.write(b)
	}
	b.WriteByte(')')
}

// The quick algorithms and the literal ones agree on any set of messages.
func TestReferencesLikeTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
		var messages []*Message
		for i := range rapid.IntRange(0, 12).Draw(t, "messages") {
			m := &Message{Number: uint32(i + 1), Sent: int64(rapid.IntRange(0, 5).Draw(t, "sent")),
				ID: rapid.OneOf(id, rapid.Just("")).Draw(t, "id"), References: rapid.SliceOfN(id, 0, 4).Draw(t, "references"),
				Received: int64(rapid.IntRange(0, 5).Draw(t, "received")), Reply: rapid.Bool().Draw(t, "reply"), Subject: []byte(rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "subject"))}
			messages = append(messages, m)
		}
		r, refs := NewReferences(), NewRefs()
		for _, m := range messages {
			r.Add(m)
			refs.Add(m)
		}
		if got, want := text(r.Forest()), model(messages); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if got, want := text(refs.Forest()), modelRefs(messages); got != want {
			t.Fatalf("REFS: %s, want %s", got, want)
		}
	})
}
