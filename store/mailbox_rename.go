package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// RenameMailbox gives a mailbox, and all below it, a new name, and makes the
// levels above the new one that are missing. Renaming INBOX moves its messages
// to a new mailbox and leaves those below it (RFC 9051 §6.3.6). Subscriptions
// stay with the names. CodeNotFound, CodeExists, CodeInvalid, CodeTooMany.
func (s *Store) RenameMailbox(ctx context.Context, acct mail.AccountID, from, to string) error {
	from, err := mailboxName(from)
	if err != nil {
		return noMailbox()
	}
	if to, err = mailboxName(to); err != nil {
		return err
	}
	if from == mail.Inbox {
		return s.renameInbox(ctx, acct, to)
	}
	if strings.HasPrefix(to, from+mail.Separator) {
		return mail.Errorf(mail.CodeInvalid, "a mailbox cannot go below itself")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error { return s.renameTree(ctx, tx, acct, from, to) })
	if err != nil {
		return err
	}
	s.accountChanged(acct)
	return nil
}

func (s *Store) renameInbox(ctx context.Context, acct mail.AccountID, to string) error {
	inbox, _, err := s.MailboxByName(ctx, acct, mail.Inbox)
	if err != nil {
		return err
	}
	made, err := s.CreateMailbox(ctx, acct, to, "")
	if err != nil {
		return err
	}
	if err := s.copyMetadata(ctx, acct, inbox.ID, made.ID); err != nil {
		return err
	}
	_, err = s.Move(ctx, acct, inbox.ID, everyUID, made.ID)
	return err
}

func (s *Store) renameTree(ctx context.Context, tx pgx.Tx, acct mail.AccountID, from, to string) error {
	if _, err := changeNames(ctx, tx, acct, 0); err != nil {
		return err
	}
	var exists, found bool
	var longest int
	err := tx.QueryRow(ctx, `SELECT coalesce(bool_or(name = $3), false), coalesce(bool_or(tree), false),
			coalesce(max(octet_length(name)) FILTER (WHERE tree), 0)
		FROM (SELECT name, name = $2 OR starts_with(name, $2 || '/') AS tree FROM mailboxes WHERE account_id = $1) x`,
		acct, from, to).Scan(&exists, &found, &longest)
	switch {
	case err != nil:
		return err
	case !found:
		return noMailbox()
	case exists:
		return mail.Errorf(mail.CodeExists, "a mailbox of that name exists")
	case longest-len(from)+len(to) > maxNameOctets:
		return mail.Errorf(mail.CodeInvalid, "a mailbox name has at most %d octets", maxNameOctets)
	}
	if err := s.createSuperiors(ctx, tx, acct, from, to); err != nil {
		return err
	}
	// By way of a name that nobody can have: unique names are checked row by
	// row, and "a/b" to "a" meets its own children.
	for _, step := range [][2]string{{from, "\x01" + to}, {"\x01" + to, to}} {
		_, err := tx.Exec(ctx, `UPDATE mailboxes SET name = $3 || substr(name, length($2) + 1)
			WHERE account_id = $1 AND (name = $2 OR starts_with(name, $2 || '/'))`, acct, step[0], step[1])
		if mail.Is(dbError(err), mail.CodeExists) {
			return mail.Wrap(mail.CodeExists, err, "a mailbox below that name exists")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// createSuperiors makes the level right above to, and with it those above
// that, unless it exists or is about to move.
func (s *Store) createSuperiors(ctx context.Context, tx pgx.Tx, acct mail.AccountID, from, to string) error {
	above := superiors(to)
	if len(above) == 0 || slices.Contains(above, from) {
		return nil
	}
	_, err := s.createMailbox(ctx, tx, acct, above[len(above)-1], "")
	var me *mail.Error
	if errors.As(err, &me) && me.Code == mail.CodeExists {
		return nil
	}
	return err
}
