package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// forgetGrams removes the index entries of messages that are gone. The caller
// took the lock of searchLock before it removed them.
func forgetGrams(ctx context.Context, tx pgx.Tx, accounts, messages []int64) error {
	_, err := tx.Exec(ctx, `DELETE FROM search_grams g WHERE g.account_id = ANY ($1) AND g.message_id = ANY ($2)
		AND NOT EXISTS (SELECT FROM messages m WHERE m.account_id = g.account_id AND m.id = g.message_id)`, accounts, messages)
	return err
}

// sweepSearchState forgets the mailboxes that are gone.
func (s *Store) sweepSearchState(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM search_state i WHERE NOT EXISTS (SELECT FROM mailbox_state s
		WHERE s.account_id = i.account_id AND s.mailbox_id = i.mailbox_id)`)
	return dbError(err)
}
