package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sweepChanges shortens the change logs of the mailboxes of one account or (0)
// all: additions and flags from before one time, expunges from before another.
// The newest row stays: it has the counters.
// The floors in mailbox_state say in the same transaction what is gone.
func (s *Store) sweepChanges(ctx context.Context, account mail.AccountID, before, vanishedBefore time.Time) (total int64, err error) {
	var at mailboxKey
	for {
		keys, err := s.longLogs(ctx, account, at, before, vanishedBefore)
		if err != nil {
			return total, err
		}
		for _, k := range keys {
			for {
				n, err := s.sweepLog(ctx, k, before, vanishedBefore)
				if err != nil {
					return total, err
				}
				total += n
				if n < sweepRows {
					break
				}
			}
			at = k
		}
		if len(keys) < sweepRows {
			return total, nil
		}
	}
}

// longLogs gives the next mailboxes that have something to shorten: the oldest
// row above a floor tells.
func (s *Store) longLogs(ctx context.Context, account mail.AccountID, after mailboxKey, before, vanishedBefore time.Time) ([]mailboxKey, error) {
	rows, err := s.pool.Query(ctx, `SELECT s.account_id, s.mailbox_id FROM mailbox_counters s
		WHERE (s.account_id, s.mailbox_id) > ($1, $2) AND ($6::bigint = 0 OR s.account_id = $6) AND (
			(SELECT at FROM mailbox_changes c WHERE c.account_id = s.account_id AND c.mailbox_id = s.mailbox_id
				AND modseq > s.changes_floor AND modseq < s.highestmodseq ORDER BY modseq LIMIT 1) < $3
			OR (SELECT at FROM mailbox_changes c WHERE c.account_id = s.account_id AND c.mailbox_id = s.mailbox_id
				AND modseq > s.vanished_floor AND modseq < s.highestmodseq AND kind = 'x' ORDER BY modseq LIMIT 1) < $4)
		ORDER BY 1, 2 LIMIT $5`, int64(after.account), int64(after.mailbox), before, vanishedBefore, sweepRows, int64(account))
	if err != nil {
		return nil, dbError(err)
	}
	var keys []mailboxKey
	var a, m int64
	_, err = pgx.ForEachRow(rows, []any{&a, &m}, func() error {
		keys = append(keys, mailboxKey{mail.AccountID(a), mail.MailboxID(m)})
		return nil
	})
	return keys, dbError(err)
}

// sweepLog removes the oldest rows of one log, at most sweepRows, and gives
// how many.
func (s *Store) sweepLog(ctx context.Context, k mailboxKey, before, vanishedBefore time.Time) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		n = 0
		if _, err := tx.Exec(ctx, `SELECT FROM mailbox_state WHERE account_id = $1 AND mailbox_id = $2 FOR NO KEY UPDATE`,
			int64(k.account), int64(k.mailbox)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `WITH old AS (
				SELECT c.modseq, c.kind FROM mailbox_changes c
				WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.at < $3 AND (c.kind <> 'x' OR c.at < $4)
					AND c.modseq < (SELECT max(modseq) FROM mailbox_changes WHERE account_id = $1 AND mailbox_id = $2)
				ORDER BY c.modseq LIMIT $5
			), gone AS (
				DELETE FROM mailbox_changes c USING old o
				WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.modseq = o.modseq AND c.kind = o.kind
				RETURNING c.modseq, c.kind
			), floors AS (
				SELECT coalesce(max(modseq) FILTER (WHERE kind <> 'x'), 0) AS changes,
					coalesce(max(modseq) FILTER (WHERE kind = 'x'), 0) AS vanished, count(*) AS n FROM gone
			), raised AS (
				UPDATE mailbox_state s SET changes_floor = greatest(s.changes_floor, f.changes),
					vanished_floor = greatest(s.vanished_floor, f.vanished)
				FROM floors f WHERE s.account_id = $1 AND s.mailbox_id = $2 AND f.n > 0
			)
			SELECT n FROM floors`, int64(k.account), int64(k.mailbox), before, vanishedBefore, sweepRows).Scan(&n)
	})
	return n, err
}
