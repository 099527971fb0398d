package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Keywords by which mail programs tell what a person thinks of a message.
const (
	keywordJunk    = "$Junk"
	keywordNotJunk = "$NotJunk"
)

// UnjunkMessage moves an account's message of a trace from its Junk mailboxes
// to INBOX, as $NotJunk; false when it is not there any more.
func (s *Store) UnjunkMessage(ctx context.Context, acct mail.AccountID, trace mail.TraceID) (moved bool, err error) {
	inbox, _, err := s.MailboxByName(ctx, acct, "INBOX")
	if err != nil {
		return false, err
	}
	var junk mail.MailboxID
	var uid mail.UID
	err = s.pool.QueryRow(ctx, `SELECT b.id, m.uid FROM mailboxes b
		JOIN mailbox_messages m ON m.account_id = b.account_id AND m.mailbox_id = b.id
		JOIN messages g ON g.account_id = m.account_id AND g.id = m.message_id
		WHERE b.account_id = $1 AND b.special_use = '\Junk' AND g.trace_id = $2 ORDER BY m.uid LIMIT 1`, acct, trace).Scan(&junk, &uid)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, dbError(err)
	}
	return s.unjunk(ctx, acct, junk, mail.UIDSetOf(uid), inbox.ID)
}

func (s *Store) unjunk(ctx context.Context, acct mail.AccountID, junk mail.MailboxID, uids mail.UIDSet, inbox mail.MailboxID) (bool, error) {
	for _, a := range []mail.StoreArgs{{Mode: mail.StoreRemove, Keywords: []string{keywordJunk}}, {Mode: mail.StoreAdd, Keywords: []string{keywordNotJunk}}} {
		a.Account, a.Mailbox, a.UIDs = acct, junk, uids
		if _, err := s.StoreFlags(ctx, a); err != nil {
			return false, err
		}
	}
	res, err := s.Move(ctx, acct, junk, uids, inbox)
	return len(res.Dst) > 0, err
}
