package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// createFirstMailboxes gives a new account INBOX and one mailbox per special
// use (RFC 6154 §2), subscribed, so that clients need not make them up in
// their own language.
func (s *Store) createFirstMailboxes(ctx context.Context, tx pgx.Tx, acct mail.AccountID) error {
	names := []string{"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}
	uses := []string{"", `\Drafts`, `\Sent`, `\Junk`, `\Trash`, `\Archive`}
	ids, validities := make([]int64, len(names)), make([]int64, len(names))
	first := time.Now().Unix()
	for i := range names {
		ids[i], validities[i] = s.NewID(), first+int64(i)
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO mailboxes (account_id, id, name, special_use, uidvalidity)
		SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])`, acct, ids, names, uses, validities)
	b.Queue(sqlFirstState, acct, ids)
	b.Queue(`INSERT INTO subscriptions (account_id, name) SELECT $1, unnest($2::text[])`, acct, names)
	b.Queue(`UPDATE accounts SET uidvalidity_last = $2 WHERE id = $1`, acct, validities[len(validities)-1])
	return tx.SendBatch(ctx, b).Close()
}
