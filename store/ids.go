package store

import (
	"sync"
	"time"
)

// An id is 41 bits of milliseconds since idEpoch, 10 of node slot, 12 of
// counter. Ids grow within one node; nothing is ever found by id or time.
const (
	idEpoch    = 1735689600000 // 2025-01-01 UTC, in Unix milliseconds
	slotBits   = 10
	countBits  = 12
	maxSlot    = 1<<slotBits - 1
	countLimit = 1 << countBits
)

// idSource makes ids within the bounds that the slot's lease allows.
type idSource struct {
	s   *Store
	now func() time.Time

	mu     sync.Mutex
	slot   int64
	token  int64
	millis int64 // of the last id, since idEpoch
	count  int64 // ids made in that millisecond
	bound  int64 // no id beyond: the database knows that ids up to here may exist
	usable *sync.Cond
	closed bool
}

// NewID makes an identifier that no node ever makes again. It waits while this
// node's slot lease is out, which only a database away for minutes causes.
func (s *Store) NewID() int64 { return s.ids.next() }

func (g *idSource) next() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		now := g.now().UnixMilli() - idEpoch
		if now > g.millis {
			g.millis, g.count = now, 0
		} else if g.count == countLimit {
			// More than 4,096 ids in one millisecond, or a clock set back:
			// borrow from the next.
			g.millis, g.count = g.millis+1, 0
		}
		if g.millis <= g.bound || g.closed {
			break
		}
		g.usable.Wait()
	}
	id := g.millis<<(slotBits+countBits) | g.slot<<countBits | g.count
	g.count++
	return id
}
