package threading

// OrderedSubject is the algorithm ORDEREDSUBJECT: the messages of one base
// subject are a thread, the earliest its root and the others its children.
type OrderedSubject struct {
	hasher
	entries []entry
}

// NewOrderedSubject begins without messages.
func NewOrderedSubject() *OrderedSubject { return &OrderedSubject{hasher: newHasher()} }

// Add takes the next message.
func (o *OrderedSubject) Add(m *Message) { o.entries = append(o.entries, o.entry(m)) }

// Forest gives the threads. Nothing may be added afterwards.
func (o *OrderedSubject) Forest() *Forest {
	f := &Forest{entries: o.entries, nodes: make([]leaf, 0, len(o.entries))}
	for i := range f.entries {
		f.Roots = append(f.Roots, f.add(int32(i)))
	}
	f.order(f.Roots)
	byDate, threads := f.Roots, f.Roots[:0]
	first := map[uint64]int32{}
	for _, n := range byDate {
		subject := f.head(n).subject
		if root, ok := first[subject]; ok {
			f.adopt(root, n)
			continue
		}
		first[subject] = n
		threads = append(threads, n)
	}
	f.Roots = threads
	f.sort()
	return f
}
