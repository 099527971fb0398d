package store

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PoolStats are the connections of one of the store's pools.
type PoolStats struct {
	Name            string // "general", "deliver"
	Max, InUse, All int
	// Waits counts the times that no connection was free, Waited sums them up.
	Waits  int64
	Waited time.Duration
}

// Pools gives the state of the pools now; it asks no database.
func (s *Store) Pools() []PoolStats {
	out := []PoolStats{{Name: "general"}, {Name: "deliver"}}
	for i, p := range []*pgxpool.Pool{s.pool, s.deliver} {
		st := p.Stat()
		out[i].Max, out[i].InUse, out[i].All = int(st.MaxConns()), int(st.AcquiredConns()), int(st.TotalConns())
		out[i].Waits, out[i].Waited = st.EmptyAcquireCount(), st.EmptyAcquireWaitTime()
	}
	return out
}
