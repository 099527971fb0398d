package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// maxSubscriptions bounds the subscribed names of an account.
const maxSubscriptions = 2 * maxMailboxes

// Subscriptions gives the subscribed names, sorted; some may name no mailbox.
func (s *Store) Subscriptions(ctx context.Context, acct mail.AccountID) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT name FROM subscriptions WHERE account_id = $1 ORDER BY name`, acct)
	if err != nil {
		return nil, dbError(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return names, dbError(err)
}

// Subscribe adds a name to the subscriptions, whether or not it names a
// mailbox (RFC 9051 §6.3.7 leaves that to the server). It may be there already.
func (s *Store) Subscribe(ctx context.Context, acct mail.AccountID, name string) error {
	name, err := mailboxName(name)
	if err != nil {
		return err
	}
	return s.changeSubscription(ctx, acct, func(tx pgx.Tx) (int64, error) {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM subscriptions WHERE account_id = $1`, acct).Scan(&n); err != nil {
			return 0, err
		}
		if n >= maxSubscriptions {
			return 0, mail.Errorf(mail.CodeTooMany, "an account has at most %d subscriptions", maxSubscriptions)
		}
		tag, err := tx.Exec(ctx, `INSERT INTO subscriptions (account_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, acct, name)
		return tag.RowsAffected(), err
	})
}

// Unsubscribe takes a name out; it need not be there.
func (s *Store) Unsubscribe(ctx context.Context, acct mail.AccountID, name string) error {
	name, err := mailboxName(name)
	if err != nil {
		return err
	}
	return s.changeSubscription(ctx, acct, func(tx pgx.Tx) (int64, error) {
		tag, err := tx.Exec(ctx, `DELETE FROM subscriptions WHERE account_id = $1 AND name = $2`, acct, name)
		return tag.RowsAffected(), err
	})
}

// changeSubscription runs f under the account's lock and counts the change
// when f changed a row.
func (s *Store) changeSubscription(ctx context.Context, acct mail.AccountID, f func(tx pgx.Tx) (int64, error)) error {
	var n int64
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := lockNames(ctx, tx, acct); err != nil {
			return err
		}
		var err error
		if n, err = f(tx); err != nil || n == 0 {
			return err
		}
		_, err = changeNames(ctx, tx, acct, 0)
		return err
	})
	if err == nil && n > 0 {
		s.accountChanged(acct)
	}
	return err
}

// lockNames takes the account's lock without a change.
func lockNames(ctx context.Context, tx pgx.Tx, acct mail.AccountID) error {
	tag, err := tx.Exec(ctx, `SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, acct)
	if err == nil && tag.RowsAffected() == 0 {
		return mail.Errorf(mail.CodeNotFound, "no such account")
	}
	return err
}
