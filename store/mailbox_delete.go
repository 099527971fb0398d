package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// deleteRows bounds the messages that the last transaction of a DELETE takes;
// those before go in slices.
const deleteRows = 50_000

// DeleteMailbox removes a mailbox. Its messages stay in the restore window
// under its id. Names below it stay; its own then is only a level above them
// (RFC 9051 §6.3.5 allows it), and cannot be deleted again: CodeHasChildren.
// CodeInvalid for INBOX, CodeNotFound when there is no such name. The
// subscription stays (RFC 9051 §6.3.7).
func (s *Store) DeleteMailbox(ctx context.Context, acct mail.AccountID, name string) error {
	name, err := mailboxName(name)
	if err != nil {
		return noMailbox()
	}
	if name == mail.Inbox {
		return mail.Errorf(mail.CodeInvalid, "INBOX cannot be deleted")
	}
	if err := s.thinOut(ctx, acct, name); err != nil {
		return err
	}
	var id mail.MailboxID
	var modseq mail.ModSeq
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := changeNames(ctx, tx, acct, 0); err != nil {
			return err
		}
		if id, err = findToDelete(ctx, tx, acct, name); err != nil {
			return err
		}
		modseq, err = deleteMailbox(ctx, tx, acct, id)
		return err
	})
	if err != nil {
		return err
	}
	s.accountChanged(acct)
	s.changed(acct, id, modseq)
	return nil
}

// thinOut expunges a very large mailbox in slices, so that the DELETE itself
// is short.
func (s *Store) thinOut(ctx context.Context, acct mail.AccountID, name string) error {
	m, st, err := s.MailboxByName(ctx, acct, name)
	if mail.Is(err, mail.CodeNotFound) || err == nil && st.Messages <= deleteRows {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.expunge(ctx, acct, m.ID, everyUID, 0)
	return err
}

func findToDelete(ctx context.Context, tx pgx.Tx, acct mail.AccountID, name string) (id mail.MailboxID, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM mailboxes WHERE account_id = $1 AND name = $2`, acct, name).Scan(&id)
	if !errors.Is(err, pgx.ErrNoRows) {
		return id, err
	}
	var level bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM mailboxes WHERE account_id = $1 AND starts_with(name, $2))`,
		acct, name+mail.Separator).Scan(&level)
	if err == nil && level {
		return 0, mail.Errorf(mail.CodeHasChildren, "that name has only mailboxes below it")
	}
	if err == nil {
		err = noMailbox()
	}
	return 0, err
}

func deleteMailbox(ctx context.Context, tx pgx.Tx, acct mail.AccountID, id mail.MailboxID) (modseq mail.ModSeq, err error) {
	if _, err := tx.Exec(ctx, `SELECT FROM mailbox_state WHERE account_id = $1 AND mailbox_id = $2 FOR UPDATE`, acct, id); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `SELECT highestmodseq + 1 FROM mailbox_counters WHERE account_id = $1 AND mailbox_id = $2`, acct, id).Scan(&modseq)
	if err != nil {
		return 0, err
	}
	b := &pgx.Batch{}
	b.Queue(sqlPin)
	b.Queue(`WITH gone AS (
			DELETE FROM mailbox_messages WHERE account_id = $1 AND mailbox_id = $2
			RETURNING uid, message_id, flags, keywords, received_at, saved_at, size
		)
		INSERT INTO expunged (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size, expunged_at)
		SELECT $1, $2, uid, message_id, $3, flags, keywords, received_at, saved_at, size, statement_timestamp() FROM gone`, acct, id, modseq)
	b.Queue(`DELETE FROM mailbox_changes WHERE account_id = $1 AND mailbox_id = $2`, acct, id)
	b.Queue(`DELETE FROM mailbox_state WHERE account_id = $1 AND mailbox_id = $2`, acct, id)
	b.Queue(`DELETE FROM metadata WHERE account_id = $1 AND mailbox_id = $2`, acct, id)
	b.Queue(`DELETE FROM acl WHERE account_id = $1 AND mailbox_id = $2`, acct, id)
	b.Queue(`DELETE FROM mailboxes WHERE account_id = $1 AND id = $2`, acct, id)
	return modseq, tx.SendBatch(ctx, b).Close()
}
