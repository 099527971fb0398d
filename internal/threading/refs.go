package threading

// Refs is the algorithm REFS: what REFERENCES makes of ids, without its steps
// about subjects. Threads are ordered by the internal date of their newest
// message, messages within a thread by their sent date
// (draft-ietf-morg-inthread-01 §4).
type Refs struct{ *References }

// NewRefs begins without messages.
func NewRefs() Refs { return Refs{NewReferences()} }

// Forest gives the threads. Nothing may be added afterwards.
func (r Refs) Forest() *Forest {
	f := r.prune()
	f.sort()
	orderBy(f.Roots, f.newest, (*entry).cameBefore)
	return f
}
