package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Quota gives an account's limit and use. CodeNotFound when there is no such
// account.
func (s *Store) Quota(ctx context.Context, acct mail.AccountID) (mail.Quota, error) {
	var q mail.Quota
	err := s.pool.QueryRow(ctx, `SELECT a.quota_bytes, u.live_bytes, u.held_bytes, u.messages
		FROM accounts a JOIN account_usage u ON u.account_id = a.id WHERE a.id = $1`, acct).
		Scan(&q.LimitBytes, &q.UsedBytes, &q.HeldBytes, &q.Messages)
	if errors.Is(err, pgx.ErrNoRows) {
		return q, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	return q, dbError(err)
}
