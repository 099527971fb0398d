package postings

import "slices"

// Found collects, for one segment, the blocks that a search reads: for each of
// its keys, and for Always, the last block that does not begin above it.
type Found struct {
	Messages []int64
	lists    [][]byte // of the keys
	always   []byte
}

// Add takes the block of a key.
func (f *Found) Add(key int32, b Block) error {
	list, err := b.find(key)
	switch {
	case err != nil:
		return err
	case key == Always:
		f.always = list
	default:
		f.lists = append(f.lists, list)
	}
	return nil
}

// All gives the IDs of the messages that have all of so many keys, or Always.
// A key whose block was not added is in no message.
func (f *Found) All(keys int) ([]int64, error) {
	all, err := f.intersect(keys)
	if err != nil {
		return nil, err
	}
	if all, err = places(all, f.always, len(f.Messages)); err != nil {
		return nil, err
	}
	ids := make([]int64, len(all))
	for i, p := range all {
		ids[i] = f.Messages[p]
	}
	return ids, nil
}

func (f *Found) intersect(keys int) (left []uint32, err error) {
	if len(f.lists) < keys || keys == 0 {
		return nil, nil
	}
	slices.SortFunc(f.lists, func(a, b []byte) int { return len(a) - len(b) })
	var more []uint32
	for i, list := range f.lists {
		if more, err = places(more[:0], list, len(f.Messages)); err != nil {
			return nil, err
		}
		if i == 0 {
			left = slices.Clone(more)
		} else {
			left = both(left, more)
		}
		if len(left) == 0 {
			return nil, nil
		}
	}
	return left, nil
}

// both keeps of a what is in b too; both ascend.
func both(a, b []uint32) []uint32 {
	kept := a[:0]
	for _, p := range a {
		for len(b) > 0 && b[0] < p {
			b = b[1:]
		}
		if len(b) > 0 && b[0] == p {
			kept = append(kept, p)
		}
	}
	return kept
}
