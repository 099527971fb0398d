package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlCopy adds rows that share the immutable message: $1 account, $2 source,
// $3 and $4 UID ranges, $5 destination. Everything hangs on room, which checks
// the quota.
const sqlCopy = `WITH dst AS MATERIALIZED (
		SELECT s.*, s.highestmodseq + 1 AS modseq, b.uidvalidity
		FROM mailbox_counters s JOIN mailboxes b ON b.account_id = s.account_id AND b.id = s.mailbox_id
		WHERE s.account_id = $1 AND s.mailbox_id = $5
	), src AS MATERIALIZED (
		SELECT m.uid, m.message_id, m.flags, m.keywords, m.received_at, m.size, row_number() OVER (ORDER BY m.uid) - 1 AS place
		FROM ` + sqlPicked + `
	), d AS MATERIALIZED (` + sqlSums + ` FROM src
	), room AS MATERIALIZED (
		SELECT FROM accounts a, d, dst WHERE a.id = $1 AND d.n > 0 AND ` + roomFor + `
	), filed AS (
		INSERT INTO mailbox_messages (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size)
		SELECT $1, $5, dst.uidnext + src.place, src.message_id, dst.modseq, src.flags, src.keywords, src.received_at, statement_timestamp(), src.size
		FROM room, dst, src
	), logged AS (
		INSERT INTO mailbox_changes (` + changeColumns + `)
		SELECT $1, $5, dst.modseq, 'a', int8multirange(int8range(dst.uidnext, dst.uidnext + d.n)), dst.uidnext + d.n, dst.messages + d.n,
			dst.unseen + d.unseen, dst.deleted + d.deleted, dst.bytes + d.bytes, dst.deleted_bytes + d.deleted_bytes FROM room, dst, d
	)
	SELECT dst.uidvalidity, dst.uidnext, dst.modseq, d.n, d.uids, EXISTS (SELECT FROM room) FROM dst, d`

// Copy adds messages to another mailbox of the account (or the same once
// more), with flags and INTERNALDATE, in one transaction: all or none
// (RFC 9051 §6.4.7). UIDs that are not there are passed over; the result is
// empty when all are. CodeNotFound: the destination (TRYCREATE) or the source
// is gone; CodeOverQuota.
func (s *Store) Copy(ctx context.Context, acct mail.AccountID, src mail.MailboxID, uids mail.UIDSet, dst mail.MailboxID) (mail.CopyResult, error) {
	if len(uids) == 0 {
		return mail.CopyResult{}, nil
	}
	lo, hi := bounds(uids)
	var found []mail.MailboxID
	var r copied
	err := s.pinned(ctx, func(b *pgx.Batch) {
		r = copied{}
		queueLock(b, acct, &found, src, dst)
		b.Queue(sqlCopy, acct, src, lo, hi, dst).Query(r.read)
	})
	switch {
	case err != nil:
		return mail.CopyResult{}, err
	case !r.found || !contains(found, src):
		return mail.CopyResult{}, noMailbox()
	case r.n == 0:
		return mail.CopyResult{}, nil
	case !r.done:
		return mail.CopyResult{}, mail.Errorf(mail.CodeOverQuota, "the mailbox is full")
	}
	s.changed(acct, dst, r.modseq)
	return r.result(), nil
}

// copied is the answer of sqlCopy or sqlMove.
type copied struct {
	found, done bool
	validity    uint32
	uidnext     mail.UID
	modseq      mail.ModSeq // of the destination
	srcModSeq   mail.ModSeq
	n           int64
	uids        multirange
}

func (r *copied) read(rows pgx.Rows) error {
	_, err := pgx.ForEachRow(rows, []any{&r.validity, &r.uidnext, &r.modseq, &r.n, &r.uids, &r.done}, func() error {
		r.found = true
		return nil
	})
	return err
}

func (r *copied) result() mail.CopyResult {
	return mail.CopyResult{UIDValidity: r.validity, Src: fromMultirange(r.uids), SrcModSeq: r.srcModSeq,
		Dst: mail.UIDSet{{Lo: r.uidnext, Hi: r.uidnext + mail.UID(r.n) - 1}}}
}

func contains(ids []mail.MailboxID, id mail.MailboxID) bool {
	for _, x := range ids {
		if x == id {
			return true
		}
	}
	return false
}
