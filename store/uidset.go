package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"postroom/internal/mail"
)

// sliceRows bounds the messages that one transaction of STORE, MOVE or EXPUNGE
// touches, so that none holds the mailbox for long.
const sliceRows = 2000

// everyUID is 1:4294967295.
var everyUID = mail.UIDSet{{Lo: 1, Hi: 1<<32 - 1}}

// bounds gives a set as two arrays for unnest(lo, hi): ranges stay ranges.
func bounds(set mail.UIDSet) (lo, hi []int64) {
	lo, hi = make([]int64, len(set)), make([]int64, len(set))
	for i, r := range set {
		lo[i], hi[i] = int64(r.Lo), int64(r.Hi)
	}
	return lo, hi
}

// forSet gives the one of two statements that a set asks for, with its $3 and
// $4: that for any ranges, or that for one.
func forSet(sqls [2]string, set mail.UIDSet) (sql string, lo, hi any) {
	if len(set) == 1 {
		return sqls[1], int64(set[0].Lo), int64(set[0].Hi)
	}
	lo, hi = bounds(set)
	return sqls[0], lo, hi
}

// multirange is a UID set on the wire.
type multirange = pgtype.Multirange[pgtype.Range[int64]]

func toMultirange(set mail.UIDSet) multirange {
	out := make(multirange, len(set))
	for i, r := range set {
		out[i] = pgtype.Range[int64]{Lower: int64(r.Lo), Upper: int64(r.Hi) + 1,
			LowerType: pgtype.Inclusive, UpperType: pgtype.Exclusive, Valid: true}
	}
	return out
}

func fromMultirange(m multirange) mail.UIDSet {
	out := make(mail.UIDSet, 0, len(m))
	for _, r := range m {
		lo, hi := r.Lower, r.Upper // canonical: [lo,hi)
		if r.LowerType == pgtype.Exclusive {
			lo++
		}
		if r.UpperType == pgtype.Exclusive {
			hi--
		}
		if lo <= hi {
			out = append(out, mail.UIDRange{Lo: mail.UID(lo), Hi: mail.UID(hi)})
		}
	}
	return out
}

// sqlCut finds the UIDs that end a slice. The range and the set say the same;
// the range is what the index reads.
const sqlCut = `SELECT uid FROM (
		SELECT m.uid, row_number() OVER (ORDER BY m.uid) AS n FROM mailbox_messages m
		WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN $3 AND $4
			AND m.uid <@ $5::int8multirange AND (m.flags & $6::smallint) = $6
	) x WHERE n % $7 = 0 ORDER BY uid`

// slices cuts a set into pieces that hold about sliceRows messages with the
// flags each; arrivals since may make a piece a little larger.
func (s *Store) slices(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, set mail.UIDSet, flags mail.Flags) ([]mail.UIDSet, error) {
	if set.Len() <= sliceRows {
		if len(set) == 0 {
			return nil, nil
		}
		return []mail.UIDSet{set}, nil
	}
	var ends []mail.UID
	if set.Len() <= denseSlices*sliceRows {
		return cutByUID(set, sliceRows), nil
	}
	err := s.pinned(ctx, func(b *pgx.Batch) {
		b.Queue(sqlCut, acct, mbox, set[0].Lo, set[len(set)-1].Hi, toMultirange(set), int16(flags), sliceRows).
			Query(func(rows pgx.Rows) (err error) {
				ends, err = pgx.CollectRows(rows, pgx.RowTo[mail.UID])
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	return cut(set, ends), nil
}

// denseSlices is up to how many slices a set is cut by its UIDs, without
// asking how many of them there are: most mailboxes have few gaps.
const denseSlices = 32

// cutByUID cuts a set into pieces of at most so many UIDs.
func cutByUID(set mail.UIDSet, most int64) []mail.UIDSet {
	var ends []mail.UID
	room := most
	for _, r := range set {
		for lo := int64(r.Lo); ; {
			n := int64(r.Hi) - lo + 1
			if n < room {
				room -= n
				break
			}
			lo += room
			ends = append(ends, mail.UID(lo-1))
			room = most
		}
	}
	return cut(set, ends)
}

// cut splits a set after each of the UIDs.
func cut(set mail.UIDSet, ends []mail.UID) []mail.UIDSet {
	var out []mail.UIDSet
	lo := mail.UID(1)
	for _, end := range append(ends, 1<<32-1) {
		if part := set.Intersect(mail.UIDSet{{Lo: lo, Hi: end}}); len(part) > 0 {
			out = append(out, part)
		}
		if end == 1<<32-1 {
			break
		}
		lo = end + 1
	}
	return out
}
