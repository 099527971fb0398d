package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// usedOfQuota is what the mailboxes of account a hold; 0 when there is no limit
// to compare it with. Two writers to two mailboxes do not see each other: an
// account may end up a message above its quota.
const usedOfQuota = `CASE WHEN a.quota_bytes > 0
	THEN coalesce((SELECT sum(q.bytes) FROM mailbox_counters q WHERE q.account_id = a.id), 0)::bigint ELSE 0 END`

// messagesOfQuota is how many messages account a holds, likewise.
const messagesOfQuota = `CASE WHEN a.quota_messages > 0
	THEN coalesce((SELECT sum(q.messages) FROM mailbox_counters q WHERE q.account_id = a.id), 0)::bigint ELSE 0 END`

// roomFor tells whether account a has room for d.n messages of d.bytes octets.
const roomFor = `(a.quota_bytes = 0 OR ` + usedOfQuota + ` + d.bytes <= a.quota_bytes)
	AND (a.quota_messages = 0 OR ` + messagesOfQuota + ` + d.n <= a.quota_messages)`

// fullOfMessages tells whether account a has room for none.
const fullOfMessages = `a.quota_messages > 0 AND ` + messagesOfQuota + ` >= a.quota_messages`

// Quota gives an account's limit and use. CodeNotFound when there is no such
// account.
func (s *Store) Quota(ctx context.Context, acct mail.AccountID) (mail.Quota, error) {
	var q mail.Quota
	err := s.pool.QueryRow(ctx, `SELECT a.quota_bytes, a.quota_messages, coalesce(u.bytes, 0), coalesce(u.messages, 0)
		FROM accounts a LEFT JOIN (SELECT * FROM account_totals WHERE account_id = $1) u ON true WHERE a.id = $1`, acct).
		Scan(&q.LimitBytes, &q.LimitMessages, &q.UsedBytes, &q.Messages)
	if errors.Is(err, pgx.ErrNoRows) {
		return q, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	return q, dbError(err)
}
