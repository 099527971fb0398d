package view

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// keywordSets numbers the distinct sets of keywords in a mailbox, so that a
// row holds a number instead of a slice. Number 0 is the empty set. It only
// grows; snapshots share it.
type keywordSets struct {
	mu    sync.Mutex
	index map[string]uint32
	sets  atomic.Pointer[[][]int16]
}

// maxSets is how many numbers fit beside the flags in row.meta.
const maxSets = 1 << 24

func newKeywordSets() *keywordSets {
	k := &keywordSets{}
	k.sets.Store(&[][]int16{nil})
	return k
}

func (k *keywordSets) len() int { return len(*k.sets.Load()) }

// at gives set i; the caller must not change it.
func (k *keywordSets) at(i uint32) []int16 { return (*k.sets.Load())[i] }

// number gives the number of a set, making one when it is new.
func (k *keywordSets) number(ids []int16) uint32 {
	if len(ids) == 0 {
		return 0
	}
	var buf [64]byte
	key := buf[:0]
	for _, id := range ids {
		key = binary.LittleEndian.AppendUint16(key, uint16(id))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n, ok := k.index[string(key)]; ok {
		return n
	}
	if k.index == nil {
		k.index = map[string]uint32{}
	}
	old := *k.sets.Load()
	if len(old) >= maxSets {
		return 0 // unreachable: Snapshot.apply renumbers long before
	}
	// Readers hold the old slice header, which ends before the new element.
	sets := append(old, append([]int16(nil), ids...))
	k.sets.Store(&sets)
	n := uint32(len(sets) - 1)
	k.index[string(key)] = n
	return n
}
