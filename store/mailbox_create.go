package store

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// maxMailboxes bounds the mailboxes of an account.
const maxMailboxes = 10_000

// specialUses are those of RFC 6154 §2 that a client may give: \All and
// \Flagged would be views of other mailboxes, which postroom does not have.
var specialUses = []string{`\Archive`, `\Drafts`, `\Junk`, `\Sent`, `\Trash`}

// changeNames locks an account for a change of its names, counts it in
// change_seq, and gives the first of n fresh UIDVALIDITY values: they grow
// strictly within the account, and beyond what a restored dump had given out
// (RFC 9051 §2.3.1.1), since they are never below the time.
func changeNames(ctx context.Context, tx pgx.Tx, acct mail.AccountID, n int) (int64, error) {
	var last int64
	err := tx.QueryRow(ctx, `UPDATE accounts SET change_seq = change_seq + 1, uidvalidity_last = CASE WHEN $2 = 0
			THEN uidvalidity_last ELSE greatest(uidvalidity_last, extract(epoch FROM now())::bigint - 1) + $2 END
		WHERE id = $1 RETURNING uidvalidity_last`, acct, n).Scan(&last)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	if err == nil {
		err = checkNeeds(ctx, tx)
	}
	return last - int64(n) + 1, err
}

// CreateMailbox makes a mailbox and the levels above it that are missing. One
// trailing separator is passed over (RFC 9051 §6.3.4). specialUse is "" or an
// attribute of RFC 6154; CodeConflict when the account cannot have it there.
// CodeExists, CodeInvalid and CodeTooMany as they say.
func (s *Store) CreateMailbox(ctx context.Context, acct mail.AccountID, name, specialUse string) (mail.Mailbox, error) {
	if n := len(name) - 1; n > 0 && name[n:] == mail.Separator {
		name = name[:n]
	}
	name, err := mailboxName(name)
	if err != nil {
		return mail.Mailbox{}, err
	}
	if specialUse != "" && !slices.Contains(specialUses, specialUse) {
		return mail.Mailbox{}, mail.Errorf(mail.CodeConflict, "a mailbox cannot have that special use")
	}
	var made mail.Mailbox
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		made, err = s.createMailbox(ctx, tx, acct, name, specialUse)
		return err
	})
	if err != nil {
		return mail.Mailbox{}, err
	}
	s.accountChanged(acct)
	return made, nil
}

func (s *Store) createMailbox(ctx context.Context, tx pgx.Tx, acct mail.AccountID, name, specialUse string) (mail.Mailbox, error) {
	names := append(superiors(name), name)
	first, err := changeNames(ctx, tx, acct, len(names))
	if err != nil {
		return mail.Mailbox{}, err
	}
	if err := mayCreate(ctx, tx, acct, name, len(names), specialUse); err != nil {
		return mail.Mailbox{}, err
	}
	m := mail.Mailbox{Account: acct, Name: name, SpecialUse: specialUse, UIDValidity: uint32(first) + uint32(len(names)-1)}
	ids, validities, uses := make([]int64, len(names)), make([]int64, len(names)), make([]string, len(names))
	for i := range names {
		ids[i], validities[i] = s.NewID(), first+int64(i)
	}
	uses[len(names)-1] = specialUse
	m.ID = mail.MailboxID(ids[len(names)-1])
	rows, err := tx.Query(ctx, `INSERT INTO mailboxes (account_id, id, name, uidvalidity, special_use)
		SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[])
		ON CONFLICT (account_id, name) DO NOTHING RETURNING id`, acct, ids, names, validities, uses)
	if err != nil {
		return mail.Mailbox{}, err
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return mail.Mailbox{}, err
	}
	if _, err := tx.Exec(ctx, sqlFirstState, acct, ids); err != nil {
		return mail.Mailbox{}, err
	}
	if err := inheritACL(ctx, tx, acct, names, ids); err != nil {
		return mail.Mailbox{}, err
	}
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM subscriptions WHERE account_id = $1 AND name = $2)`,
		acct, name).Scan(&m.Subscribed)
	return m, err
}

func mayCreate(ctx context.Context, tx pgx.Tx, acct mail.AccountID, name string, n int, specialUse string) error {
	var count int
	var exists, used bool
	err := tx.QueryRow(ctx, `SELECT count(*), coalesce(bool_or(name = $2), false),
			coalesce(bool_or(special_use = $3), false) AND $3 <> ''
		FROM mailboxes WHERE account_id = $1`, acct, name, specialUse).Scan(&count, &exists, &used)
	switch {
	case err != nil:
		return err
	case exists:
		return mail.Errorf(mail.CodeExists, "a mailbox of that name exists")
	case used:
		return mail.Errorf(mail.CodeConflict, "another mailbox has that special use")
	case count+n > maxMailboxes:
		return mail.Errorf(mail.CodeTooMany, "an account has at most %d mailboxes", maxMailboxes)
	}
	return nil
}
