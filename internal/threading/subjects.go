package threading

import "slices"

// mergeSubjects is step (5): threads of the same subject become one. The roots
// are in the order of their dates.
func (f *Forest) mergeSubjects() {
	table := f.subjectTable()
	merged := map[int32]bool{} // roots that are roots no more
	var made []int32
	for _, n := range f.Roots {
		subject := f.head(n).subject
		t := table[subject]
		if subject == 0 || t == n || merged[n] {
			continue
		}
		merged[n] = true
		switch {
		case f.dummy(t) && f.dummy(n):
			for _, c := range slices.Collect(f.Children(n)) {
				f.adopt(t, c)
			}
			f.nodes[n].first = none
		case f.dummy(t), f.head(n).reply && !f.head(t).reply:
			f.adopt(t, n)
		default:
			d := f.add(none)
			f.adopt(d, t)
			f.adopt(d, n)
			merged[t] = true
			table[subject] = d
			made = append(made, d)
		}
	}
	f.Roots = slices.DeleteFunc(append(f.Roots, made...), func(n int32) bool { return merged[n] })
}

// subjectTable is step (5.B): by subject the root that others join.
func (f *Forest) subjectTable() map[uint64]int32 {
	table := map[uint64]int32{}
	for _, n := range f.Roots {
		subject := f.head(n).subject
		if subject == 0 {
			continue
		}
		t, ok := table[subject]
		if !ok || !f.dummy(t) && (f.dummy(n) || f.head(t).reply && !f.head(n).reply) {
			table[subject] = n
		}
	}
	return table
}
