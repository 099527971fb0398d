package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// stateColumns are what stateFields reads of mailbox_counters s.
const stateColumns = `s.uidnext, s.highestmodseq, s.vanished_floor, s.changes_floor, s.recent_uid,
	s.messages, s.unseen, s.deleted, s.bytes, s.deleted_bytes`

func stateFields(st *mail.MailboxState) []any {
	return []any{&st.UIDNext, &st.HighestModSeq, &st.VanishedFloor, &st.ChangesFloor, &st.RecentUID,
		&st.Messages, &st.Unseen, &st.Deleted, &st.Bytes, &st.DeletedBytes}
}

// changeColumns are the columns of mailbox_changes that each writing statement
// fills: the counters as it leaves them come last.
const changeColumns = `account_id, mailbox_id, modseq, kind, uids, uidnext, messages, unseen, deleted, bytes, deleted_bytes`

// sqlFirstState makes the lock and the first counters of new mailboxes $2.
const sqlFirstState = `WITH made AS (
		INSERT INTO mailbox_state (account_id, mailbox_id) SELECT $1, unnest($2::bigint[]) RETURNING account_id, mailbox_id)
	INSERT INTO mailbox_changes (` + changeColumns + `) SELECT account_id, mailbox_id, 1, 'c', '{}', 1, 0, 0, 0, 0, 0 FROM made`

// sqlLockStates takes the lock that orders all writers of the mailboxes. Every
// statement after it in the transaction sees what the writers before it did.
const sqlLockStates = `SELECT mailbox_id FROM mailbox_state
	WHERE account_id = $1 AND mailbox_id = ANY($2) ORDER BY account_id, mailbox_id FOR NO KEY UPDATE`

// queueLock queues the lock of mailboxes of one account; found gets those
// that exist.
func queueLock(b *pgx.Batch, acct mail.AccountID, found *[]mail.MailboxID, ids ...mail.MailboxID) {
	b.Queue(sqlLockStates, acct, ids).Query(func(rows pgx.Rows) (err error) {
		*found, err = pgx.CollectRows(rows, pgx.RowTo[mail.MailboxID])
		return err
	})
}

// States gives the counters of mailboxes; those that do not exist are left out.
func (s *Store) States(ctx context.Context, acct mail.AccountID, ids []mail.MailboxID) (map[mail.MailboxID]mail.MailboxState, error) {
	rows, err := s.pool.Query(ctx, `SELECT s.mailbox_id, `+stateColumns+`
		FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = ANY($2)`, acct, ids)
	if err != nil {
		return nil, dbError(err)
	}
	out := make(map[mail.MailboxID]mail.MailboxState, len(ids))
	var id mail.MailboxID
	var st mail.MailboxState
	_, err = pgx.ForEachRow(rows, append([]any{&id}, stateFields(&st)...), func() error {
		out[id] = st
		return nil
	})
	return out, dbError(err)
}

func noMailbox() error { return mail.Errorf(mail.CodeNotFound, "no such mailbox") }
