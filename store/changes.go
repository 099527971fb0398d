package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// scanAbove is how many modseqs a reader may be behind before reading the
// mailbox beats reading its change log.
const scanAbove = 5000

// sqlChanges answers from mailbox_changes: the state in a row with UID 0 that
// also has what vanished, then the messages that the log names. It reads no
// log when the modseq is below the log's floor or far behind: then the state
// says so, and sqlScan follows.
const sqlChanges = `WITH st AS MATERIALIZED (
		SELECT ` + stateArray + ` AS state, s.changes_floor <= $3 AND s.highestmodseq - $3 <= $4 AS logged
		FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	), log AS MATERIALIZED (
		SELECT c.kind, c.uids FROM mailbox_changes c
		WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.modseq > $3 AND (SELECT logged FROM st)
	), touched AS MATERIALIZED (
		SELECT lower(r) AS lo, upper(r) - 1 AS hi FROM unnest(
			(SELECT range_agg(uids) FROM log WHERE kind <> 'x') - coalesce((SELECT range_agg(uids) FROM log WHERE kind = 'x'), '{}')) r
	)
	SELECT 0::bigint AS uid, 0::bigint, 0::smallint, NULL::smallint[], state, (SELECT range_agg(uids) FROM log WHERE kind = 'x'), logged
		FROM st
	UNION ALL
	(SELECT m.uid, m.modseq, m.flags, nullif(m.keywords, '{}'), NULL::bigint[], NULL::int8multirange, NULL::boolean
		FROM touched t CROSS JOIN LATERAL (
			SELECT * FROM mailbox_messages m
			WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN t.lo AND t.hi AND m.modseq > $3
			OFFSET 0) m -- the log leads: not the mailbox in UID order
		ORDER BY m.uid)`

// sqlScan answers by reading every message of the mailbox. What vanished still
// comes from the log, which keeps expunges longest.
const sqlScan = `SELECT 0::bigint AS uid, 0::bigint, 0::smallint, NULL::smallint[], ` + stateArray + `,
		(SELECT range_agg(c.uids) FROM mailbox_changes c
			WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.modseq > $3 AND c.kind = 'x'), true
		FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	UNION ALL
	(SELECT m.uid, m.modseq, m.flags, nullif(m.keywords, '{}'), NULL::bigint[], NULL::int8multirange, NULL::boolean
		FROM mailbox_messages m WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.modseq > $3 ORDER BY m.uid)`

// ChangesSince gives what happened to a mailbox above a modseq, as of one
// moment. CodeNotFound when the mailbox is gone.
func (s *Store) ChangesSince(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, since mail.ModSeq) (mail.Changes, error) {
	var r changesRead
	err := s.pinned(ctx, func(b *pgx.Batch) {
		r = changesRead{}
		b.Queue(sqlChanges, acct, mbox, int64(since), scanAbove).Query(r.read)
	})
	if err == nil && r.found && !r.logged {
		err = s.pinned(ctx, func(b *pgx.Batch) {
			r = changesRead{}
			b.Queue(sqlScan, acct, mbox, int64(since)).Query(r.read)
		})
	}
	if err != nil {
		return mail.Changes{}, err
	}
	if !r.found {
		return mail.Changes{}, noMailbox()
	}
	return mail.Changes{State: r.state, Rows: r.rows, Vanished: r.vanished,
		Complete: since >= r.state.VanishedFloor}, nil
}

// sqlVanished is the part of sqlChanges for who needs no more.
const sqlVanished = `SELECT s.vanished_floor, (SELECT range_agg(c.uids) FROM mailbox_changes c
		WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.modseq > $3 AND c.kind = 'x')
	FROM mailbox_state s WHERE s.account_id = $1 AND s.mailbox_id = $2`

// VanishedSince gives the UIDs expunged above a modseq. complete is false when
// the modseq is below the log's floor: then some may be missing. CodeNotFound
// when the mailbox is gone.
func (s *Store) VanishedSince(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, since mail.ModSeq) (uids mail.UIDSet, complete bool, err error) {
	floor := int64(-1)
	var gone multirange
	err = s.pinned(ctx, func(b *pgx.Batch) {
		b.Queue(sqlVanished, acct, mbox, int64(since)).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&floor, &gone}, func() error { return nil })
			return err
		})
	})
	if err == nil && floor < 0 {
		err = noMailbox()
	}
	return fromMultirange(gone), since >= mail.ModSeq(floor), err
}

type changesRead struct {
	loaded
	vanished mail.UIDSet
	logged   bool
}

func (c *changesRead) read(rows pgx.Rows) error {
	if err := binaryOnly(rows, 0, 1, 2, 3); err != nil {
		return err
	}
	for rows.Next() {
		v := rows.RawValues()
		if v[4] == nil {
			c.rows = append(c.rows, rawFlags(v))
			continue
		}
		var st []int64
		var gone multirange
		if err := rows.Scan(nil, nil, nil, nil, &st, &gone, &c.logged); err != nil {
			return err
		}
		c.found, c.state, c.vanished = true, readState(st), fromMultirange(gone)
	}
	return rows.Err()
}
