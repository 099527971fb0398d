package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// heldAtLeast is what every account with a quota may hold of expunged messages;
// above it, as much as its quota. Without a quota there is no cap.
const heldAtLeast = 1 << 30

// sweepAboveCap forgets the oldest expunged messages of accounts that hold more
// than they may: filling and emptying a mailbox must not fill the disk.
func (s *Store) sweepAboveCap(ctx context.Context, res *SweepResult) error {
	rows, err := s.pool.Query(ctx, `SELECT a.id, greatest(a.quota_bytes, $1) FROM accounts a
		JOIN (SELECT account_id, sum(size) AS bytes FROM expunged WHERE NOT moved GROUP BY account_id) h ON h.account_id = a.id
		WHERE a.quota_bytes > 0 AND h.bytes > greatest(a.quota_bytes, $1)`, heldAtLeast)
	if err != nil {
		return dbError(err)
	}
	caps := map[int64]int64{}
	var account, most int64
	if _, err := pgx.ForEachRow(rows, []any{&account, &most}, func() error { caps[account] = most; return nil }); err != nil {
		return dbError(err)
	}
	for account, most := range caps {
		err := s.forget(ctx, res, `SELECT e.account_id, e.mailbox_id, e.uid FROM expunged e JOIN (
				SELECT mailbox_id, uid, sum(size) OVER (ORDER BY expunged_at DESC, mailbox_id DESC, uid DESC) AS younger
				FROM expunged WHERE account_id = $2 AND NOT moved) h USING (mailbox_id, uid)
			WHERE e.account_id = $2 AND h.younger > $3 LIMIT $1 FOR UPDATE OF e SKIP LOCKED`, account, most)
		if err != nil {
			return err
		}
	}
	return nil
}
