package postings

// Merge makes one segment of several, with the messages that keep names; of
// one that is in several, each place stays.
func Merge(segments []Segment, keep func(message int64) bool) (Segment, error) {
	var out Segment
	from := make([]source, len(segments))
	for i, s := range segments {
		from[i].blocks = s.Blocks
		for _, id := range s.Messages {
			to := gone
			if keep(id) {
				to = uint32(len(out.Messages))
				out.Messages = append(out.Messages, id)
			}
			from[i].places = append(from[i].places, to)
		}
		if err := from[i].next(); err != nil {
			return Segment{}, err
		}
	}
	var w writer
	for last := int32(0); ; {
		key := least(from)
		if key > Always {
			out.Blocks = w.finish()
			return out, nil
		}
		if key < last {
			return Segment{}, ErrDamaged
		}
		last = key
		w.begin()
		for i := range from {
			if err := from[i].give(key, &w); err != nil {
				return Segment{}, err
			}
		}
		w.end(key)
	}
}

// gone stands for the place of a message that is left out.
const gone = ^uint32(0)

// source is one of the segments that are merged.
type source struct {
	blocks []Block // after that of the entry
	entry  reader
	places []uint32 // where the messages come to stand
	old    []uint32
}

func least(from []source) int32 {
	key := int32(Always + 1)
	for i := range from {
		key = min(key, from[i].entry.key)
	}
	return key
}

// next goes to the next entry; at the end, to one above every key.
func (s *source) next() error {
	ok, err := s.entry.next()
	if ok || err != nil {
		return err
	}
	if len(s.blocks) == 0 {
		s.entry.key = Always + 1
		return nil
	}
	s.entry, s.blocks = s.blocks[0].entries(), s.blocks[1:]
	return s.next()
}

// give writes the list of a key, if it is there.
func (s *source) give(key int32, w *writer) (err error) {
	if s.entry.key != key {
		return nil
	}
	if s.old, err = places(s.old[:0], s.entry.list, len(s.places)); err != nil {
		return err
	}
	for _, p := range s.old {
		if to := s.places[p]; to != gone {
			w.add(to)
		}
	}
	return s.next()
}
