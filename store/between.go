package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"postroom/internal/mail"
)

// betweenRows bounds the messages that one statement of MessagesBetween looks at.
const betweenRows = 100_000

// betweenColumns are the columns of mailbox_messages and expunged by value.
var betweenColumns = [...]struct{ name, kind string }{
	mail.ByReceived: {"received_at", "timestamptz"},
	mail.BySaved:    {"saved_at", "timestamptz"},
	mail.BySize:     {"size", "bigint"},
}

// sqlsBetween counts the messages with UIDs in $3 to $4, and gives those with
// a column between $5 and $6: by any ranges, by one, and by any with those
// that were expunged.
type sqlsBetween struct {
	live     [2]string
	expunged string
}

var sqlBetweens = func() (all [len(betweenColumns)]sqlsBetween) {
	for i, c := range betweenColumns {
		sql := fmt.Sprintf(`SELECT count(*), range_agg(int8range(m.uid, m.uid + 1))
			FILTER (WHERE m.%[1]s > $5::%[2]s AND m.%[1]s < $6::%[2]s) FROM `, c.name, c.kind)
		both := fmt.Sprintf(`(SELECT m.uid, m.%[1]s FROM %[2]s UNION ALL SELECT m.uid, m.%[1]s FROM %[3]s) m`,
			c.name, fmt.Sprintf(listed, "mailbox_messages"), fmt.Sprintf(listed, "expunged"))
		all[i] = sqlsBetween{
			live:     [2]string{sql + sqlPicked, sql + `mailbox_messages m WHERE ` + sqlInRange},
			expunged: sql + both,
		}
	}
	return all
}()

// MessagesBetween gives the messages of a set with a value above one number
// and below another. Expunged ones that are kept count as FetchMessages with
// WithExpunged finds them. ok is false when some are not there any more: then
// nothing is said.
func (s *Store) MessagesBetween(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, uids mail.UIDSet, value mail.RowValue, above, below int64) (set mail.UIDSet, ok bool, err error) {
	from, to := betweenBound(value, above), betweenBound(value, below)
	for _, part := range cutByUID(uids, betweenRows) {
		sql, lo, hi := forSet(sqlBetweens[value].live, part)
		n, found, err := s.countBetween(ctx, sql, acct, mbox, lo, hi, from, to)
		if err == nil && n < part.Len() {
			lo, hi := bounds(part)
			n, found, err = s.countBetween(ctx, sqlBetweens[value].expunged, acct, mbox, lo, hi, from, to)
		}
		if err != nil || n < part.Len() {
			return nil, false, err
		}
		appendSet(&set, found)
	}
	return set, true, nil
}

func (s *Store) countBetween(ctx context.Context, sql string, args ...any) (n int64, found mail.UIDSet, err error) {
	var m multirange
	err = s.pinned(ctx, func(b *pgx.Batch) {
		n, m = 0, nil
		b.Queue(sql, args...).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&n, &m}, func() error { return nil })
			return err
		})
	})
	return n, fromMultirange(m), err
}

// betweenBound gives a bound in the type of its column; the least and the
// greatest number of a time stand for no bound.
func betweenBound(value mail.RowValue, n int64) any {
	switch {
	case value == mail.BySize:
		return n
	case n == math.MinInt64:
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	case n == math.MaxInt64:
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: time.UnixMicro(n).UTC(), Valid: true}
}
