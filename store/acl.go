package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// maxACL bounds the entries of one list.
const maxACL = 1000

// Rights gives what a user may do with a mailbox of another account: what is
// given to him and to anyone.
func (s *Store) Rights(ctx context.Context, acct mail.AccountID, mailbox mail.MailboxID, user mail.AccountID) (r mail.Rights, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(bit_or(rights), 0) FROM acl
		WHERE account_id = $1 AND mailbox_id = $2 AND user_id IN (0, $3)`, acct, mailbox, user).Scan(&r)
	return r, dbError(err)
}

// SharedMailboxes lists the mailboxes of other accounts on which a user has
// any rights, by owner and name.
func (s *Store) SharedMailboxes(ctx context.Context, user mail.AccountID) ([]mail.SharedMailbox, error) {
	rows, err := s.pool.Query(ctx, `SELECT b.account_id, b.id, b.name, b.uidvalidity, '', false, c.local_key || '@' || d.name, r.rights
		FROM (SELECT account_id, mailbox_id, bit_or(rights) AS rights FROM acl
			WHERE user_id IN (0, $1) AND account_id <> $1 GROUP BY account_id, mailbox_id) r
		JOIN mailboxes b ON b.account_id = r.account_id AND b.id = r.mailbox_id
		JOIN accounts c ON c.id = r.account_id JOIN domains d ON d.id = c.domain_id
		WHERE c.deleted_at IS NULL ORDER BY 7, b.name`, user)
	if err != nil {
		return nil, dbError(err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (m mail.SharedMailbox, err error) {
		err = r.Scan(append(mailboxFields(&m.Mailbox), &m.Owner, &m.Rights)...)
		return m, err
	})
	return list, dbError(err)
}

// ACL gives the access control list of a mailbox without its owner, anyone first.
func (s *Store) ACL(ctx context.Context, acct mail.AccountID, mailbox mail.MailboxID) ([]mail.ACLEntry, error) {
	rows, err := s.pool.Query(ctx, `SELECT x.user_id, coalesce(c.local_key || '@' || d.name, 'anyone'), x.rights
		FROM acl x LEFT JOIN accounts c ON c.id = x.user_id LEFT JOIN domains d ON d.id = c.domain_id
		WHERE x.account_id = $1 AND x.mailbox_id = $2 AND (x.user_id = 0 OR c.deleted_at IS NULL) ORDER BY x.user_id <> 0, 2`, acct, mailbox)
	if err != nil {
		return nil, dbError(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.ACLEntry])
	return list, dbError(err)
}

// SetACL changes what a user, or anyone (0), may do with a mailbox: change
// makes the new rights from the old; none takes the entry away. It takes the
// mailbox's lock, so that no write is under way by rights that are gone, and
// gives the mailbox a modseq, so that sessions look again. CodeNotFound: the
// mailbox is gone.
func (s *Store) SetACL(ctx context.Context, acct mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, change func(mail.Rights) mail.Rights) error {
	var modseq mail.ModSeq
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		if _, err = nextChange(ctx, tx, acct); err != nil {
			return err
		}
		if modseq, err = touch(ctx, tx, acct, mailbox); err != nil {
			return err
		}
		return setACL(ctx, tx, acct, mailbox, user, change)
	})
	if err != nil {
		return err
	}
	s.accountChanged(acct)
	s.accountChanged(user) // everyAccount for anyone
	s.changed(acct, mailbox, modseq)
	return nil
}

// sqlTouch gives a mailbox a modseq at which only its rights or its metadata
// changed.
const sqlTouch = `INSERT INTO mailbox_changes (` + changeColumns + `)
	SELECT account_id, mailbox_id, highestmodseq + 1, 'c', '{}', uidnext, messages, unseen, deleted, bytes, deleted_bytes
	FROM mailbox_counters WHERE account_id = $1 AND mailbox_id = $2 RETURNING modseq`

// setACL changes one entry in a transaction that has the mailbox's lock.
func setACL(ctx context.Context, tx pgx.Tx, acct mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, change func(mail.Rights) mail.Rights) error {
	var before mail.Rights
	var entries int
	err := tx.QueryRow(ctx, `SELECT coalesce(max(rights) FILTER (WHERE user_id = $3), 0), count(*) FROM acl
		WHERE account_id = $1 AND mailbox_id = $2`, acct, mailbox, user).Scan(&before, &entries)
	if err != nil {
		return err
	}
	switch after := change(before); {
	case after == 0:
		_, err = tx.Exec(ctx, `DELETE FROM acl WHERE account_id = $1 AND mailbox_id = $2 AND user_id = $3`, acct, mailbox, user)
	case before == 0 && entries >= maxACL:
		err = mail.Errorf(mail.CodeTooMany, "an access control list has at most %d entries", maxACL)
	default:
		_, err = tx.Exec(ctx, `INSERT INTO acl (account_id, mailbox_id, user_id, rights) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account_id, mailbox_id, user_id) DO UPDATE SET rights = excluded.rights`, acct, mailbox, user, int16(after))
	}
	return err
}

// inheritACL gives new mailboxes the list of the nearest mailbox above them
// (RFC 4314 §4, CREATE). names are all levels, topmost first; made those that
// are new.
func inheritACL(ctx context.Context, tx pgx.Tx, acct mail.AccountID, names []string, made []int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO acl (account_id, mailbox_id, user_id, rights)
		SELECT $1::bigint, n.id, x.user_id, x.rights FROM unnest($3::bigint[]) AS n (id) JOIN acl x ON x.account_id = $1 AND x.mailbox_id = (
			SELECT id FROM mailboxes WHERE account_id = $1 AND name = ANY($2) AND id <> ALL ($3) ORDER BY length(name) DESC LIMIT 1)`,
		acct, names, made)
	return err
}
