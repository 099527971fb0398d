package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlMove takes rows out of the source and puts them into the destination
// ($5), which may be the same mailbox: then both changes have one modseq. The
// rows come from the DELETE, under both locks, so that two sessions that move
// the same message move it once. The source keeps them as moved: FETCH of a
// view that still counts them finds them, and no byte is held twice.
func sqlMove(one bool) string {
	return `WITH dst AS MATERIALIZED (
		SELECT s.uidnext, s.highestmodseq + 1 AS modseq, b.uidvalidity
		FROM mailbox_counters s JOIN mailboxes b ON b.account_id = s.account_id AND b.id = s.mailbox_id
		WHERE s.account_id = $1 AND s.mailbox_id = $5
	), st AS MATERIALIZED (
		SELECT s.highestmodseq + 1 AS modseq FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	), ` + sqlTaken(one, "EXISTS (SELECT FROM dst)") + `, held AS (
		INSERT INTO expunged (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size, expunged_at, moved)
		SELECT $1, $2, uid, message_id, st.modseq, flags, keywords, received_at, saved_at, size, statement_timestamp(), true FROM gone, st
	), filed AS (
		INSERT INTO mailbox_messages (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size)
		SELECT $1, $5, dst.uidnext + row_number() OVER (ORDER BY uid) - 1, message_id, dst.modseq, flags, keywords, received_at,
			statement_timestamp(), size
		FROM gone, dst
	), d AS (` + sqlSums + ` FROM gone
	), sides AS (
		SELECT mailbox_id, sum(sign) AS sign, sum(taken) AS taken
		FROM (VALUES ($2::bigint, -1, 0), ($5::bigint, 1, 1)) AS v (mailbox_id, sign, taken) GROUP BY mailbox_id
	), changed AS (
		SELECT $2::bigint AS mailbox_id, st.modseq, 'x'::"char" AS kind, d.uids FROM st, d
		UNION ALL
		SELECT $5, dst.modseq, 'a', int8multirange(int8range(dst.uidnext, dst.uidnext + d.n)) FROM dst, d
	), logged AS (
		INSERT INTO mailbox_changes (` + changeColumns + `)
		SELECT $1, c.mailbox_id, c.modseq, c.kind, c.uids, s.uidnext + v.taken * d.n, s.messages + v.sign * d.n,
			s.unseen + v.sign * d.unseen, s.deleted + v.sign * d.deleted, s.bytes + v.sign * d.bytes,
			s.deleted_bytes + v.sign * d.deleted_bytes
		FROM d, changed c JOIN sides v USING (mailbox_id) JOIN mailbox_counters s ON s.account_id = $1 AND s.mailbox_id = c.mailbox_id
		WHERE d.n > 0
	)
	SELECT dst.uidvalidity, dst.uidnext, dst.modseq, d.n, d.uids, st.modseq FROM dst, st, d`
}

// sqlMoves are the statements for any ranges and for one.
var sqlMoves = [2]string{sqlMove(false), sqlMove(true)}

// Move moves messages to another mailbox of the account, or to new UIDs of the
// same, in slices of a transaction each (RFC 6851 §3.3 asks that each message
// is in one of the two). UIDs that are not there are passed over. On an error
// the result holds what was moved before. CodeNotFound: the destination
// (TRYCREATE) or the source is gone.
func (s *Store) Move(ctx context.Context, acct mail.AccountID, src mail.MailboxID, uids mail.UIDSet, dst mail.MailboxID) (mail.CopyResult, error) {
	var res mail.CopyResult
	// Moved within one mailbox, what a slice gave a new UID must not be met by
	// the next: the end is fixed first.
	if src == dst {
		states, err := s.States(ctx, acct, []mail.MailboxID{src})
		if err != nil {
			return res, err
		}
		if states[src].UIDNext > 1 {
			uids = uids.Intersect(mail.UIDSet{{Lo: 1, Hi: states[src].UIDNext - 1}})
		}
	}
	slices, err := s.slices(ctx, acct, src, uids, 0)
	if err != nil {
		return res, err
	}
	for _, set := range slices {
		if err := s.moveSlice(ctx, acct, src, set, dst, &res); err != nil {
			return res, err
		}
	}
	return res, nil
}

func (s *Store) moveSlice(ctx context.Context, acct mail.AccountID, src mail.MailboxID, set mail.UIDSet, dst mail.MailboxID, res *mail.CopyResult) error {
	sql, lo, hi := forSet(sqlMoves, set)
	var found []mail.MailboxID
	var r copied
	err := s.pinned(ctx, func(b *pgx.Batch) {
		r = copied{}
		queueLock(b, acct, &found, src, dst)
		b.Queue(sql, acct, src, lo, hi, dst).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&r.validity, &r.uidnext, &r.modseq, &r.n, &r.uids, &r.srcModSeq}, func() error {
				r.found = true
				return nil
			})
			return err
		})
	})
	switch {
	case err != nil:
		return err
	case !r.found:
		return noMailbox()
	case r.n == 0:
		return nil
	}
	part := r.result()
	res.UIDValidity, res.SrcModSeq = part.UIDValidity, part.SrcModSeq
	appendSet(&res.Src, part.Src)
	appendSet(&res.Dst, part.Dst)
	s.changed(acct, src, r.srcModSeq)
	s.changed(acct, dst, r.modseq)
	mail.Progress(ctx, r.n)
	return nil
}
