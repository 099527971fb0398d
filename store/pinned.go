package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// sqlPin pins the plans of the statements that follow in the transaction:
// generic, through indexes and by nested loops. Their work is a few thousand
// rows of one mailbox whatever the statistics say, and a plan chosen from
// stale ones reads the whole table.
const sqlPin = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
	set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
	set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true),
	set_config('jit', 'off', true)`

// pinned runs statements in one round trip and one transaction, with pinned
// plans. The statements cannot see each other's answers in Go: one that locks
// comes first, and one that writes touches nothing when the lock found nothing.
// A deadlock repeats the whole, so queue must be able to run again.
func (s *Store) pinned(ctx context.Context, queue func(b *pgx.Batch)) error {
	for try := 1; ; try++ {
		b := &pgx.Batch{}
		b.Queue(sqlPin)
		queue(b)
		err := s.pool.SendBatch(ctx, b).Close()
		if err == nil || !repeatable(err) || try == txTries {
			return dbError(err)
		}
		select {
		case <-ctx.Done():
			return dbError(ctx.Err())
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		}
	}
}
