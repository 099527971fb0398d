package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlCopyAcross copies to a mailbox of another account: $1 account, $2 source,
// $3 and $4 UID ranges, $5 and $6 the destination, $7 ids for the new
// messages, $8 the flags that go along, $9 and $10 keyword numbers here and
// there. Each copy is a message of the other account, with a ref to the same
// blob.
const sqlCopyAcross = `WITH dst AS MATERIALIZED (
		SELECT s.*, s.highestmodseq + 1 AS modseq, b.uidvalidity
		FROM mailbox_counters s JOIN mailboxes b ON b.account_id = s.account_id AND b.id = s.mailbox_id
		WHERE s.account_id = $5 AND s.mailbox_id = $6
	), src AS MATERIALIZED (
		SELECT m.uid, m.message_id, m.flags & $8::smallint AS flags,
			ARRAY(SELECT k.there FROM unnest($9::smallint[], $10::smallint[]) AS k (here, there) WHERE k.here = ANY (m.keywords) ORDER BY 1) AS keywords,
			m.received_at, m.size, row_number() OVER (ORDER BY m.uid) - 1 AS place
		FROM ` + sqlPicked + `
	), d AS MATERIALIZED (` + sqlSums + ` FROM src
	), room AS MATERIALIZED (
		SELECT FROM accounts a, d, dst WHERE a.id = $5 AND d.n > 0 AND ` + roomFor + `
	), made AS (
		INSERT INTO messages (account_id, id, blob_id, prefix, size, header_size, fields, envelope,
			bodystructure, parts, preview, thread_id, message_id, sent_at, trace_id)
		SELECT $5, ($7::bigint[])[src.place + 1], x.blob_id, x.prefix, x.size, x.header_size, x.fields, x.envelope,
			x.bodystructure, x.parts, x.preview, ($7::bigint[])[src.place + 1], x.message_id, x.sent_at, x.trace_id
		FROM room, src CROSS JOIN LATERAL (SELECT * FROM messages y WHERE y.account_id = $1 AND y.id = src.message_id OFFSET 0) x
		RETURNING blob_id, id
	), refs AS (
		INSERT INTO blob_refs (blob_id, account_id, holder) SELECT blob_id, $5, id FROM made
	), filed AS (
		INSERT INTO mailbox_messages (account_id, mailbox_id, uid, message_id, modseq, flags, keywords, received_at, saved_at, size)
		SELECT $5, $6, dst.uidnext + src.place, ($7::bigint[])[src.place + 1], dst.modseq, src.flags, src.keywords, src.received_at, statement_timestamp(), src.size
		FROM room, dst, src
	), logged AS (
		INSERT INTO mailbox_changes (` + changeColumns + `)
		SELECT $5, $6, dst.modseq, 'a', int8multirange(int8range(dst.uidnext, dst.uidnext + d.n)), dst.uidnext + d.n, dst.messages + d.n,
			dst.unseen + d.unseen, dst.deleted + d.deleted, dst.bytes + d.bytes, dst.deleted_bytes + d.deleted_bytes FROM room, dst, d
	)
	SELECT dst.uidvalidity, dst.uidnext, dst.modseq, d.n, d.uids, EXISTS (SELECT FROM room) FROM dst, d`

// sqlLockPairs takes the locks of mailboxes of any accounts, in lock order.
const sqlLockPairs = `SELECT s.mailbox_id FROM unnest($1::bigint[], $2::bigint[]) AS t (account_id, mailbox_id)
	JOIN mailbox_state s USING (account_id, mailbox_id) ORDER BY s.account_id, s.mailbox_id FOR NO KEY UPDATE OF s`

// CopyAcross copies messages where Copy cannot: to another account, or with
// fewer flags. All or none, as Copy, and with its errors.
func (s *Store) CopyAcross(ctx context.Context, a mail.CopyArgs) (mail.CopyResult, error) {
	if len(a.UIDs) == 0 {
		return mail.CopyResult{}, nil
	}
	c, err := s.prepareCopy(ctx, a)
	if err != nil {
		return mail.CopyResult{}, err
	}
	r, err := s.copyAcross(ctx, a, c, a.UIDs, false)
	if err != nil || r.n == 0 {
		return mail.CopyResult{}, err
	}
	return r.result(), nil
}

// MoveAcross moves messages in slices, each of which is copied and expunged in
// one transaction. The source keeps them for the restore window, as after
// EXPUNGE: its owner can have them back. On an error the result holds what was
// moved before.
func (s *Store) MoveAcross(ctx context.Context, a mail.CopyArgs) (mail.CopyResult, error) {
	var res mail.CopyResult
	c, err := s.prepareCopy(ctx, a)
	if err != nil {
		return res, err
	}
	slices, err := s.slices(ctx, a.Account, a.Mailbox, a.UIDs, 0)
	if err != nil {
		return res, err
	}
	for _, set := range slices {
		r, err := s.copyAcross(ctx, a, c, set, true)
		if err != nil {
			return res, err
		}
		if r.n > 0 {
			part := r.result()
			res.UIDValidity, res.SrcModSeq = part.UIDValidity, part.SrcModSeq
			appendSet(&res.Src, part.Src)
			appendSet(&res.Dst, part.Dst)
			mail.Progress(ctx, r.n)
		}
	}
	return res, nil
}

// keywordMap pairs the keyword numbers of two accounts.
type keywordMap struct{ here, there []int16 }

// prepareCopy numbers the keywords of the source in the destination's account,
// if they may go along.
func (s *Store) prepareCopy(ctx context.Context, a mail.CopyArgs) (c keywordMap, err error) {
	if a.NoKeywords {
		return c, nil
	}
	names, err := s.keywordsIn(ctx, a)
	if err != nil || len(names) == 0 {
		return c, err
	}
	for _, n := range names {
		here, err := s.knownKeywords(ctx, a.Account, []string{n})
		if err != nil {
			return c, err
		}
		there, err := s.keywordIDs(ctx, a.ToAccount, []string{n})
		if err != nil {
			return c, err
		}
		c.here, c.there = append(c.here, here...), append(c.there, there...)
	}
	return c, nil
}

// keywordsIn names the keywords that the messages have.
func (s *Store) keywordsIn(ctx context.Context, a mail.CopyArgs) (names []string, err error) {
	lo, hi := bounds(a.UIDs)
	err = s.pinned(ctx, func(b *pgx.Batch) {
		b.Queue(`SELECT name FROM keywords WHERE account_id = $1 AND id IN (SELECT unnest(m.keywords) FROM `+sqlPicked+`)`,
			a.Account, a.Mailbox, lo, hi).Query(func(rows pgx.Rows) (err error) {
			names, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
	})
	return names, err
}

// copyAcross is one transaction of a COPY or MOVE.
func (s *Store) copyAcross(ctx context.Context, a mail.CopyArgs, c keywordMap, set mail.UIDSet, move bool) (r copied, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlPin); err != nil {
			return err
		}
		if err := lockPairs(ctx, tx, a); err != nil {
			return err
		}
		if err := checkNeeds(ctx, tx); err != nil {
			return err
		}
		if r, err = s.copyRows(ctx, tx, a, c, set); err != nil || r.n == 0 || !move {
			return err
		}
		sql, lo, hi := forSet(sqlExpunges, set)
		var gone multirange
		return tx.QueryRow(ctx, sql, a.Account, a.Mailbox, lo, hi, int16(0)).Scan(&r.srcModSeq, &gone)
	})
	if err != nil || r.n == 0 {
		return copied{}, err
	}
	s.changed(a.ToAccount, a.To, r.modseq)
	if move {
		s.changed(a.Account, a.Mailbox, r.srcModSeq)
	}
	return r, nil
}

func lockPairs(ctx context.Context, tx pgx.Tx, a mail.CopyArgs) error {
	rows, err := tx.Query(ctx, sqlLockPairs, []int64{int64(a.Account), int64(a.ToAccount)}, []int64{int64(a.Mailbox), int64(a.To)})
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[mail.MailboxID])
	if err == nil && (!contains(found, a.Mailbox) || !contains(found, a.To)) {
		return noMailbox()
	}
	return err
}

func (s *Store) copyRows(ctx context.Context, tx pgx.Tx, a mail.CopyArgs, c keywordMap, set mail.UIDSet) (r copied, err error) {
	lo, hi := bounds(set)
	var n int64
	err = tx.QueryRow(ctx, `SELECT count(*) FROM `+sqlPicked, a.Account, a.Mailbox, lo, hi).Scan(&n)
	if err != nil || n == 0 {
		return r, err
	}
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = s.NewID()
	}
	err = tx.QueryRow(ctx, sqlCopyAcross, a.Account, a.Mailbox, lo, hi, a.ToAccount, a.To, ids, int16(a.Flags), c.here, c.there).
		Scan(&r.validity, &r.uidnext, &r.modseq, &r.n, &r.uids, &r.done)
	if err == nil && !r.done {
		err = mail.Errorf(mail.CodeOverQuota, "the mailbox is full")
	}
	return r, err
}
