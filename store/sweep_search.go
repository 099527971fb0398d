package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// forgetIndexed removes from what the index knows the messages that are gone,
// and counts them. The caller took the lock of searchLock before it removed
// them.
func forgetIndexed(ctx context.Context, tx pgx.Tx, accounts, messages []int64) error {
	_, err := tx.Exec(ctx, `WITH gone AS (
			DELETE FROM search_messages k WHERE k.message_id = ANY ($2) AND k.account_id = ANY ($1)
				AND NOT EXISTS (SELECT FROM messages m WHERE m.account_id = k.account_id AND m.id = k.message_id) RETURNING account_id
		)
		INSERT INTO search_dead (account_id, messages) SELECT account_id, count(*) FROM gone GROUP BY 1 ORDER BY 1
		ON CONFLICT (account_id) DO UPDATE SET messages = search_dead.messages + excluded.messages`, accounts, messages)
	return err
}

// sweepSearchState forgets the mailboxes that are gone.
func (s *Store) sweepSearchState(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM search_state i WHERE NOT EXISTS (SELECT FROM mailbox_state s
		WHERE s.account_id = i.account_id AND s.mailbox_id = i.mailbox_id)`)
	return dbError(err)
}

// deadShare is the part of an account's segments from which on messages that
// are gone are worth a rewrite.
const deadShare = 0.5

// sweepSegments writes the segments of accounts anew of which at least that
// share is gone.
func (s *Store) sweepSegments(ctx context.Context, share float64) error {
	rows, err := s.pool.Query(ctx, `SELECT d.account_id FROM search_dead d WHERE d.messages > 0 AND d.messages >= $1::float8 *
		(SELECT coalesce(sum(cardinality(s.messages)), 0) FROM search_segments s WHERE s.account_id = d.account_id) ORDER BY 1`, share)
	if err != nil {
		return dbError(err)
	}
	accounts, err := pgx.CollectRows(rows, pgx.RowTo[mail.AccountID])
	if err != nil {
		return dbError(err)
	}
	for _, acct := range accounts {
		if err := s.rewriteSegments(ctx, acct); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) rewriteSegments(ctx context.Context, acct mail.AccountID) error {
	// First, so that what dies meanwhile counts for the next time.
	if _, err := s.pool.Exec(ctx, `DELETE FROM search_dead WHERE account_id = $1`, acct); err != nil {
		return dbError(err)
	}
	var list []segment
	if err := s.pinned(ctx, func(b *pgx.Batch) {
		list = nil
		queueSegments(b, acct, &list)
	}); err != nil {
		return err
	}
	for _, seg := range list {
		if _, err := s.mergeSegments(ctx, acct, []int64{seg.id}); err != nil {
			return err
		}
	}
	return nil
}
