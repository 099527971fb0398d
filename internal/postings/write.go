package postings

import (
	"encoding/binary"
	"slices"
)

// Entry is one message to index.
type Entry struct {
	Message int64
	Keys    []int32 // each once, in no order, below Always; or only Always
}

// placeBits is what a place takes beside its key while a segment is built.
const placeBits = 11

// MostEntries is what Build takes at once.
const MostEntries = 1 << placeBits

// Build makes a segment of up to MostEntries messages.
func Build(entries []Entry) Segment {
	var s Segment
	n := 0
	for _, e := range entries {
		n += len(e.Keys)
	}
	pairs := make([]uint32, 0, n)
	for place, e := range entries[:min(len(entries), MostEntries)] {
		s.Messages = append(s.Messages, e.Message)
		for _, k := range e.Keys {
			pairs = append(pairs, uint32(k)<<placeBits|uint32(place))
		}
	}
	pairs = sortByKey(pairs)
	var w writer
	for len(pairs) > 0 {
		key := pairs[0] >> placeBits
		w.begin()
		for len(pairs) > 0 && pairs[0]>>placeBits == key {
			w.add(pairs[0] & (MostEntries - 1))
			pairs = pairs[1:]
		}
		w.end(int32(key))
	}
	s.Blocks = w.finish()
	return s
}

// sortByKey sorts pairs by their key's lower and then its upper bits, four times
// as quick as by comparing them. What has one key keeps its order.
func sortByKey(pairs []uint32) []uint32 {
	const digit = 11
	to := make([]uint32, len(pairs))
	for shift := placeBits; shift < placeBits+2*digit; shift += digit {
		var next [1 << digit]int
		for _, p := range pairs {
			next[p>>shift&(1<<digit-1)]++
		}
		at := 0
		for i, n := range next {
			next[i], at = at, at+n
		}
		for _, p := range pairs {
			d := p >> shift & (1<<digit - 1)
			to[next[d]] = p
			next[d]++
		}
		pairs, to = to, pairs
	}
	return pairs
}

// writer makes blocks of lists, which come in the order of their keys.
type writer struct {
	blocks []Block
	block  Block
	key    int32 // of the entry before
	list   []byte
	next   uint32 // the least place that may follow
}

func (w *writer) begin() { w.list, w.next = w.list[:0], 0 }

// add puts a place above all before into the list.
func (w *writer) add(place uint32) {
	w.list = binary.AppendUvarint(w.list, uint64(place-w.next))
	w.next = place + 1
}

// end makes the list that of key; an empty one is left out.
func (w *writer) end(key int32) {
	const most = 2 * binary.MaxVarintLen32
	if len(w.list) == 0 {
		return
	}
	if len(w.block.Data)+most+len(w.list) > BlockSize {
		w.cut()
	}
	if len(w.block.Data) == 0 {
		w.block.First, w.key = key, key
	}
	w.block.Data = binary.AppendUvarint(w.block.Data, uint64(key-w.key))
	w.block.Data = binary.AppendUvarint(w.block.Data, uint64(len(w.list)))
	w.block.Data = append(w.block.Data, w.list...)
	w.key = key
}

func (w *writer) cut() {
	if len(w.block.Data) > 0 {
		w.blocks = append(w.blocks, Block{w.block.First, slices.Clone(w.block.Data)})
		w.block.Data = w.block.Data[:0]
	}
}

func (w *writer) finish() []Block {
	w.cut()
	return w.blocks
}
