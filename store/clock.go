package store

import (
	"context"
	"time"
)

// ClockOffset tells how far the database's clock is ahead of this machine's,
// to half the time that the question takes. Due times, ids and leases are
// compared with both.
func (s *Store) ClockOffset(ctx context.Context) (time.Duration, error) {
	c, err := s.pool.Acquire(ctx) // a new connection would count as time of the question
	if err != nil {
		return 0, dbError(err)
	}
	defer c.Release()
	asked := time.Now()
	var theirs time.Time
	if err := c.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&theirs); err != nil {
		return 0, dbError(err)
	}
	return theirs.Sub(asked.Add(time.Since(asked) / 2)), nil
}
