package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlNeeds fails, by a division by zero, unless all rights are there: $1 to $4
// are the columns of mail.Need. A statement that fails is what ends a batch
// whose answers nobody reads in between. It must come after a lock that SetACL
// takes too: then its snapshot is younger than any change before it.
const sqlNeeds = `SELECT 1 / bool_and(coalesce((SELECT bit_or(a.rights) FROM acl a
		WHERE a.account_id = n.account_id AND a.mailbox_id = n.mailbox_id AND a.user_id IN (0, n.user_id)), 0) & n.rights = n.rights)::int
	FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[]) AS n (account_id, mailbox_id, user_id, rights)`

func needColumns(needs []mail.Need) []any {
	var accounts, mailboxes, users []int64
	var rights []int16
	for _, n := range needs {
		accounts, mailboxes = append(accounts, int64(n.Account)), append(mailboxes, int64(n.Mailbox))
		users, rights = append(users, int64(n.User)), append(rights, int16(n.Rights))
	}
	return []any{accounts, mailboxes, users, rights}
}

// queueNeeds looks at the rights that ctx asks for, at the end of a batch that
// locked the mailboxes.
func queueNeeds(ctx context.Context, b *pgx.Batch) {
	if needs := mail.NeedsOf(ctx); len(needs) > 0 {
		b.Queue(sqlNeeds, needColumns(needs)...)
	}
}

// checkNeeds looks at them in a transaction that holds the account's lock or
// those of the mailboxes.
func checkNeeds(ctx context.Context, tx pgx.Tx) error {
	needs := mail.NeedsOf(ctx)
	if len(needs) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, sqlNeeds, needColumns(needs)...)
	return dbError(err)
}
