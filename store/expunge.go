package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlExpunge moves messages that have all the flags $5 into expunged.
func sqlExpunge(one bool) string {
	return `WITH st AS MATERIALIZED (
		SELECT s.*, s.highestmodseq + 1 AS modseq FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	), ` + sqlTaken(one, "m.flags & $5::smallint = $5") + `, held AS (
		INSERT INTO expunged (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size, expunged_at)
		SELECT $1, $2, uid, message_id, st.modseq, flags, keywords, received_at, saved_at, size, statement_timestamp() FROM gone, st
	), d AS (` + sqlSums + ` FROM gone
	), logged AS (
		INSERT INTO mailbox_changes (` + changeColumns + `)
		SELECT $1, $2, st.modseq, 'x', d.uids, st.uidnext, st.messages - d.n, st.unseen - d.unseen, st.deleted - d.deleted,
			st.bytes - d.bytes, st.deleted_bytes - d.deleted_bytes FROM st, d WHERE d.n > 0
	)
	SELECT st.modseq, d.uids FROM st, d WHERE d.n > 0`
}

// sqlExpunges are the statements for any ranges and for one.
var sqlExpunges = [2]string{sqlExpunge(false), sqlExpunge(true)}

// sqlTaken are the CTEs that take messages out of mailbox_messages: gone are
// the rows. One range is deleted along the index, at a quarter of the cost of
// looking each of its rows up.
func sqlTaken(one bool, where string) string {
	const returning = `
		RETURNING m.uid, m.message_id, m.flags, m.keywords, m.received_at, m.saved_at, m.size
	)`
	if one {
		return `gone AS (
		DELETE FROM mailbox_messages m WHERE ` + sqlInRange + ` AND ` + where + returning
	}
	return `picked AS MATERIALIZED (
		SELECT m.account_id, m.mailbox_id, m.uid FROM ` + sqlPicked + ` WHERE ` + where + `
	), gone AS (
		DELETE FROM mailbox_messages m USING picked p WHERE ` + sqlIsPicked + returning
}

// sqlSums are what counters need to know of a set of mailbox_messages rows.
const sqlSums = `SELECT count(*) AS n, range_agg(int8range(uid, uid + 1)) AS uids, coalesce(sum(size), 0) AS bytes,
	count(*) FILTER (WHERE flags & 1 = 0) AS unseen, count(*) FILTER (WHERE flags & 8 <> 0) AS deleted,
	coalesce(sum(size) FILTER (WHERE flags & 8 <> 0), 0) AS deleted_bytes`

// Expunge removes the messages with \Deleted, of uids or of all (nil), in
// slices of a transaction each. They stay readable for the restore window. On
// an error the result holds what was removed before. CodeNotFound: no such
// mailbox.
func (s *Store) Expunge(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, uids *mail.UIDSet) (mail.ExpungeResult, error) {
	if uids != nil {
		return s.expunge(ctx, acct, mbox, *uids, mail.FlagDeleted)
	}
	states, err := s.States(ctx, acct, []mail.MailboxID{mbox})
	if err != nil {
		return mail.ExpungeResult{}, err
	}
	st, ok := states[mbox]
	switch {
	case !ok:
		return mail.ExpungeResult{}, noMailbox()
	case st.Deleted == 0:
		return mail.ExpungeResult{}, nil
	case st.Deleted <= sliceRows:
		return s.expungeSlices(ctx, acct, mbox, []mail.UIDSet{everyUID}, mail.FlagDeleted)
	}
	return s.expunge(ctx, acct, mbox, everyUID, mail.FlagDeleted)
}

// expunge removes the messages of a set that have all the flags.
func (s *Store) expunge(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, set mail.UIDSet, flags mail.Flags) (mail.ExpungeResult, error) {
	slices, err := s.slices(ctx, acct, mbox, set, flags)
	if err != nil {
		return mail.ExpungeResult{}, err
	}
	return s.expungeSlices(ctx, acct, mbox, slices, flags)
}

func (s *Store) expungeSlices(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, slices []mail.UIDSet, flags mail.Flags) (mail.ExpungeResult, error) {
	var res mail.ExpungeResult
	for _, set := range slices {
		sql, lo, hi := forSet(sqlExpunges, set)
		var found []mail.MailboxID
		var modseq mail.ModSeq
		var gone multirange
		err := s.pinned(ctx, func(b *pgx.Batch) {
			modseq, gone = 0, nil
			queueLock(b, acct, &found, mbox)
			b.Queue(sql, acct, mbox, lo, hi, int16(flags)).Query(func(rows pgx.Rows) error {
				_, err := pgx.ForEachRow(rows, []any{&modseq, &gone}, func() error { return nil })
				return err
			})
		})
		if err == nil && len(found) == 0 {
			err = noMailbox()
		}
		if err != nil {
			return res, err
		}
		if modseq > 0 {
			res.ModSeq = modseq
			set := fromMultirange(gone)
			appendSet(&res.UIDs, set)
			s.changed(acct, mbox, modseq)
			mail.Progress(ctx, set.Len())
		}
	}
	return res, nil
}

// appendSet adds ranges that lie at or above those of set.
func appendSet(set *mail.UIDSet, more mail.UIDSet) {
	for _, r := range more {
		set.AddRange(r.Lo, r.Hi)
	}
}
