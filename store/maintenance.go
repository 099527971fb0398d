package store

import (
	"context"
	"time"
)

// sweepEvery is the time between sweeps of one node.
const sweepEvery = 15 * time.Minute

// RunMaintenance sweeps now and then, and makes and drops the months of
// delivery_events, until ctx ends.
func (s *Store) RunMaintenance(ctx context.Context) {
	for {
		begun := time.Now()
		if err := s.keepEventMonths(ctx, begun); err != nil && ctx.Err() == nil {
			s.log.Warn("event partitions not kept", "error", err)
		}
		res, err := s.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("sweep stopped", "error", err)
		case res != SweepResult{}:
			s.log.Info("swept", "accounts", res.Accounts, "expunged", res.Expunged, "messages", res.Messages,
				"blobs", res.Blobs, "changes", res.Changes, "accepted", res.Accepted, "logins", res.Logins, "received", res.Received, "took", time.Since(begun))
		}
		if !sleep(ctx, sweepEvery) {
			return
		}
	}
}
