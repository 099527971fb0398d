package threading

import "hash/maphash"

// References is the algorithm REFERENCES. The steps named in comments are
// those of RFC 5256 §BASE.6.4.THREAD.
type References struct {
	hasher
	entries []entry
	nodes   []node
	ids     map[uint64]int32 // Message-ID to node
	dummies int
	steps   int // taken upwards in search of loops
}

// node is a message, or a dummy for an id that others refer to.
type node struct {
	message  int32 // in entries; none: a dummy
	parent   int32
	children int32
}

const (
	// maxDummies bounds the ids that are kept of messages that are not there.
	// Beyond it references to further ones join nothing.
	maxDummies = 1 << 20
	// maxSteps bounds the search for loops, so that no mailbox, however made,
	// takes longer than some tenths of a second. Beyond it a link that might
	// make a loop is not made.
	maxSteps = 10_000_000
)

// NewReferences begins without messages.
func NewReferences() *References {
	return &References{hasher: newHasher(), ids: map[uint64]int32{}}
}

// Add takes the next message: step (1).
func (r *References) Add(m *Message) {
	n := r.place(m)
	last := int32(none)
	for _, id := range m.References {
		next := r.lookUp(id)
		if next == none {
			continue
		}
		// (1.A): an existing link stays, since this header may be truncated.
		if last != none && r.nodes[next].parent == none {
			r.link(last, next)
		}
		last = next
	}
	// (1.B): the last reference is the parent, whatever was thought before.
	r.unlink(n)
	if last != none {
		r.link(last, n)
	}
}

// place gives the node of a message. Of those with the same id the first has
// it; the others, and those without, are referred to by none.
func (r *References) place(m *Message) int32 {
	e := int32(len(r.entries))
	r.entries = append(r.entries, r.entry(m))
	if m.ID == "" {
		return r.add(e)
	}
	id := maphash.String(r.seed, m.ID)
	n, ok := r.ids[id]
	switch {
	case !ok:
		n = r.add(e)
		r.ids[id] = n
	case r.nodes[n].message == none:
		r.nodes[n].message = e
		r.dummies--
	default:
		n = r.add(e)
	}
	return n
}

// lookUp gives the node of an id, a new dummy when there is none yet.
func (r *References) lookUp(id string) int32 {
	h := maphash.String(r.seed, id)
	n, ok := r.ids[h]
	if !ok {
		if r.dummies >= maxDummies {
			return none
		}
		r.dummies++
		n = r.add(none)
		r.ids[h] = n
	}
	return n
}

func (r *References) add(message int32) int32 {
	r.nodes = append(r.nodes, node{message: message, parent: none})
	return int32(len(r.nodes) - 1)
}

func (r *References) link(parent, child int32) {
	if !r.descends(parent, child) {
		r.nodes[child].parent = parent
		r.nodes[parent].children++
	}
}

func (r *References) unlink(child int32) {
	if p := r.nodes[child].parent; p != none {
		r.nodes[p].children--
		r.nodes[child].parent = none
	}
}

// descends tells whether n is a or stands below it.
func (r *References) descends(n, a int32) bool {
	if n == a || r.nodes[a].children == 0 {
		return n == a
	}
	for n != none && n != a {
		if r.steps++; r.steps > maxSteps {
			return true
		}
		n = r.nodes[n].parent
	}
	return n == a
}

// Forest gives the threads. Nothing may be added afterwards.
func (r *References) Forest() *Forest {
	f := r.prune()
	f.order(f.Roots) // step (4)
	f.mergeSubjects()
	f.sort()
	return f
}

// prune is steps (2) and (3): a message stands below its nearest ancestor that
// is there. Those that have none share a dummy at the top when they come from
// one, unless it has but one child.
func (r *References) prune() *Forest {
	f := &Forest{entries: r.entries, nodes: make([]leaf, 0, len(r.nodes))}
	for _, n := range r.nodes {
		f.add(n.message)
	}
	for i, n := range r.nodes {
		if n.message == none {
			continue
		}
		if p := r.ancestor(int32(i)); p != none {
			f.adopt(p, int32(i))
		} else {
			f.Roots = append(f.Roots, int32(i))
		}
	}
	for i, n := range r.nodes {
		if n.message != none || f.Leaf(int32(i)) {
			continue
		}
		root := int32(i)
		if only, ok := f.Only(root); ok {
			f.nodes[root].first = none
			root = only
		}
		f.Roots = append(f.Roots, root)
	}
	return f
}

// ancestor gives the nearest ancestor that is a message or has no parent
// itself. It shortens the way through dummies for those who come after.
func (r *References) ancestor(n int32) int32 {
	at := r.nodes[n].parent
	for at != none && r.passed(at) {
		if up := r.nodes[at].parent; r.passed(up) {
			r.nodes[at].parent = r.nodes[up].parent
		}
		at = r.nodes[at].parent
	}
	return at
}

// passed tells whether a node is a dummy below another node.
func (r *References) passed(n int32) bool {
	return r.nodes[n].message == none && r.nodes[n].parent != none
}
