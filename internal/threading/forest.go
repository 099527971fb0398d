package threading

import (
	"iter"
	"slices"
)

// none is no node.
const none = -1

// Forest holds threads. A node is a message or, at the top only, a dummy that
// stands for a parent that is not there.
type Forest struct {
	// Roots are the first nodes of the threads, in their order.
	Roots []int32

	entries []entry // of messages
	nodes   []leaf
}

type leaf struct {
	message     int32 // in entries; none: a dummy
	first, next int32 // child and sibling
}

// Number gives the number of a node's message; false for a dummy.
func (f *Forest) Number(n int32) (uint32, bool) {
	m := f.nodes[n].message
	if m == none {
		return 0, false
	}
	return f.entries[m].number, true
}

// Children goes through a node's children in their order.
func (f *Forest) Children(n int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for c := f.nodes[n].first; c != none; c = f.nodes[c].next {
			if !yield(c) {
				return
			}
		}
	}
}

// Only gives the child of a node that has just one.
func (f *Forest) Only(n int32) (int32, bool) {
	c := f.nodes[n].first
	return c, c != none && f.nodes[c].next == none
}

// Leaf tells whether a node has no children.
func (f *Forest) Leaf(n int32) bool { return f.nodes[n].first == none }

func (f *Forest) add(message int32) int32 {
	f.nodes = append(f.nodes, leaf{message, none, none})
	return int32(len(f.nodes) - 1)
}

// adopt puts child before the other children of parent: their order is made
// at the end.
func (f *Forest) adopt(parent, child int32) {
	f.nodes[child].next = f.nodes[parent].first
	f.nodes[parent].first = child
}

func (f *Forest) dummy(n int32) bool { return f.nodes[n].message == none }

// head gives the message that a root is ordered and named by: its own, or a
// dummy's earliest child.
func (f *Forest) head(n int32) *entry {
	if !f.dummy(n) {
		return &f.entries[f.nodes[n].message]
	}
	var least *entry
	for c := range f.Children(n) {
		if e := &f.entries[f.nodes[c].message]; least == nil || e.before(least) < 0 {
			least = e
		}
	}
	return least
}

// sort orders each set of siblings by sent date (RFC 5256 §BASE.6.4.THREAD,
// step 6); only dummies at the top look at their children.
func (f *Forest) sort() {
	var siblings []int32
	for n := range f.nodes {
		if f.Leaf(int32(n)) {
			continue
		}
		siblings = slices.AppendSeq(siblings[:0], f.Children(int32(n)))
		f.order(siblings)
		f.nodes[n].first = none
		for _, c := range slices.Backward(siblings) {
			f.adopt(int32(n), c)
		}
	}
	f.order(f.Roots)
}

// order sorts nodes by their heads.
func (f *Forest) order(nodes []int32) { orderBy(nodes, f.head, (*entry).before) }

// newest gives the message of a thread that came last.
func (f *Forest) newest(root int32) *entry {
	var last *entry
	for open := []int32{root}; len(open) > 0; {
		n := open[len(open)-1]
		open = slices.AppendSeq(open[:len(open)-1], f.Children(n))
		if f.dummy(n) {
			continue
		}
		if e := &f.entries[f.nodes[n].message]; last == nil || e.cameBefore(last) > 0 {
			last = e
		}
	}
	return last
}

// orderBy sorts nodes by a message that stands for each, which is looked for once.
func orderBy(nodes []int32, head func(int32) *entry, compare func(a, b *entry) int) {
	if len(nodes) < 2 {
		return
	}
	type headed struct {
		head *entry
		node int32
	}
	list := make([]headed, len(nodes))
	for i, n := range nodes {
		list[i] = headed{head(n), n}
	}
	slices.SortFunc(list, func(a, b headed) int { return compare(a.head, b.head) })
	for i, h := range list {
		nodes[i] = h.node
	}
}
