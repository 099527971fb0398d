package postings

import (
	"encoding/binary"
	"errors"
)

// ErrDamaged says that octets are no block.
var ErrDamaged = errors.New("a block of the search index is damaged")

// reader goes through the entries of a block.
type reader struct {
	key  int32
	list []byte
	rest []byte
}

func (b Block) entries() reader { return reader{key: b.First, rest: b.Data} }

// next gives the next entry; not ok at the end.
func (r *reader) next() (ok bool, err error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	step, n := binary.Uvarint(r.rest)
	if n <= 0 || step > Always {
		return false, ErrDamaged
	}
	size, m := binary.Uvarint(r.rest[n:])
	if m <= 0 || size > uint64(len(r.rest)-n-m) {
		return false, ErrDamaged
	}
	if r.key += int32(step); r.key > Always {
		return false, ErrDamaged
	}
	r.list, r.rest = r.rest[n+m:n+m+int(size)], r.rest[n+m+int(size):]
	return true, nil
}

// find gives the list of a key; nil when the block has none.
func (b Block) find(key int32) ([]byte, error) {
	for r := b.entries(); ; {
		switch ok, err := r.next(); {
		case err != nil:
			return nil, err
		case !ok || r.key > key:
			return nil, nil
		case r.key == key:
			return r.list, nil
		}
	}
}

// places appends what a list holds, of a segment of n messages.
func places(to []uint32, list []byte, n int) ([]uint32, error) {
	for next := uint64(0); len(list) > 0; {
		step, k := binary.Uvarint(list)
		place := next + step
		if k <= 0 || place < next || place >= uint64(n) {
			return to, ErrDamaged
		}
		to, list, next = append(to, uint32(place)), list[k:], place+1
	}
	return to, nil
}
