package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// sqlPin pins the plans of the statements that follow in the transaction:
// generic, through indexes and by nested loops. Their work is a few thousand
// rows of one mailbox whatever the statistics say, and a plan chosen from
// stale ones reads the whole table. Rows are looked up by keys of which none
// comes twice: what Memoize keeps of them is never asked for again.
const sqlPin = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true),
	set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
	set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true),
	set_config('enable_memoize', 'off', true), set_config('jit', 'off', true)`

// pinned runs statements in one round trip and one transaction, with pinned
// plans. The statements cannot see each other's answers in Go: one that locks
// comes first, and one that writes touches nothing when the lock found nothing.
// A deadlock repeats the whole, so queue must be able to run again.
func (s *Store) pinned(ctx context.Context, queue func(b *pgx.Batch)) error {
	return s.pinnedBy(ctx, sqlPin, queue)
}

// pinnedBy is pinned with another pin.
func (s *Store) pinnedBy(ctx context.Context, pin string, queue func(b *pgx.Batch)) error {
	for try := 1; ; try++ {
		b := &pgx.Batch{}
		b.Queue(pin)
		queue(b)
		queueNeeds(ctx, b)
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

// Statistics of a table that was empty a minute ago say that a mailbox holds
// one message; then every plan that reads the whole mailbox looks cheap. So
// the statements leave one way only: a LATERAL subquery with OFFSET 0 is not
// turned around, and a table that is written is joined by all columns of its
// key, and by nothing else, to rows that were picked before.

// sqlPicked reads the rows of mailbox_messages with UIDs in the ranges $3 to
// $4 of account $1 and mailbox $2.
const sqlPicked = `unnest($3::bigint[], $4::bigint[]) AS r(lo, hi) CROSS JOIN LATERAL (
		SELECT * FROM mailbox_messages x
		WHERE x.account_id = $1 AND x.mailbox_id = $2 AND x.uid BETWEEN r.lo AND r.hi OFFSET 0) m`

// sqlInRange is the rows m of mailbox_messages with UIDs from $3 to $4.
const sqlInRange = `m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN $3::bigint AND $4::bigint`

// sqlIsPicked joins mailbox_messages m to a materialized CTE p. The array of
// one makes the index useless for any order, so that reading all of it is no
// plan; partitions are still pruned by it.
const sqlIsPicked = `m.account_id = ANY (ARRAY[p.account_id]) AND m.mailbox_id = p.mailbox_id AND m.uid = p.uid`
