package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// In most mailboxes messages that came one after the other have ids that lie
// one after the other among the account's. Then a batch reads the range of
// its ids along the index, at half the cost of looking each id up, and joins by
// id here. Only what the range did not give is looked up.

// denseShare is how much of a batch, in quarters, its range of ids must have
// given, and the batch kept, for the next to be read so.
const denseShare = 3

// mayBeDense tells whether columns are read by ranges of ids: those beside
// which a message that was not asked for costs little.
func mayBeDense(cols mail.Columns) bool {
	return cols&^mail.WithExpunged != 0 && cols&(mail.WithExpunged|mail.ColOctets) == 0
}

// byRange reads the columns of messages in the range of ids that lies between
// the first and the last of the messages with UIDs $3 to $4, $5 UIDs of them at
// most, and not many more than $5. Deliveries at one time take ids and UIDs in
// different order, so some neighbours at both ends are looked at.
func byRange(columns string) string {
	const ids = `SELECT x.message_id FROM mailbox_messages x WHERE x.account_id = $1 AND x.mailbox_id = $2 AND x.uid BETWEEN `
	return `SELECT g.id` + columns + ` FROM (SELECT min(message_id) AS lo, max(message_id) AS hi FROM (
			(` + ids + `$3::bigint AND least($4::bigint, $3 + 31))
			UNION ALL
			(` + ids + `least($4, $3 + $5::bigint - 1) - 31 AND least($4, $3 + $5 - 1))) e) r
		CROSS JOIN LATERAL (SELECT * FROM messages y WHERE y.account_id = $1 AND y.id BETWEEN r.lo AND r.hi
			ORDER BY y.id LIMIT $5 + $5 / 4) g`
}

// byID reads the columns of messages with the ids $2.
func byID(columns string) string {
	return `SELECT g.id` + columns + ` FROM unnest($2::bigint[]) AS r(id)
		CROSS JOIN LATERAL (SELECT * FROM messages y WHERE y.account_id = $1 AND y.id = r.id OFFSET 0) g`
}

// readDense reads the next rows of a wide range.
func (f *fetch) readDense(ctx context.Context, b *fetchBatch, head mail.UIDRange) error {
	var j *join
	err := f.s.pinned(ctx, func(q *pgx.Batch) {
		b.reset()
		args := []any{f.acct, f.mbox, head.Lo, head.Hi, f.limit}
		q.Queue(f.q.base, args...).Query(b.read)
		q.Queue(f.q.byRange, args...).Query(func(rows pgx.Rows) error {
			j = newJoin(b, f.cols)
			return j.read(rows)
		})
	})
	if err != nil {
		return err
	}
	given, asked := j.found, len(b.rows)
	for ids := j.missing(); len(ids) > 0; ids = j.missing() {
		before := j.found
		err := f.s.pinned(ctx, func(q *pgx.Batch) { q.Queue(f.q.byID, f.acct, ids).Query(j.read) })
		if err != nil {
			return err
		}
		if j.found == before {
			break
		}
	}
	j.drop()
	b.held = j.found
	f.dense = given*4 >= asked*denseShare && len(b.rows)*4 >= asked*denseShare
	return nil
}

// join fills the rows of a batch with the columns of their messages.
type join struct {
	*fetchBatch
	cols    mail.Columns
	order   []int  // of rows, by message id
	has     []bool // which rows are filled
	found   int    // how many
	stopped bool   // the last reading had its octets before its end
}

func newJoin(b *fetchBatch, cols mail.Columns) *join {
	j := &join{fetchBatch: b, cols: cols, order: make([]int, len(b.rows)), has: make([]bool, len(b.rows))}
	for i := range j.order {
		j.order[i] = i
	}
	byID := func(x, y int) int { return cmp.Compare(b.rows[x].MessageID, b.rows[y].MessageID) }
	if !slices.IsSortedFunc(j.order, byID) {
		slices.SortFunc(j.order, byID)
	}
	return j
}

// read merges messages, which come by id; one out of order is passed over. It
// fills one row at least.
func (j *join) read(rows pgx.Rows) error {
	if err := binaryOnly(rows, 0); err != nil {
		return err
	}
	at, before := 0, j.found
	for j.stopped = false; rows.Next(); {
		if j.stopped = j.found > before && len(j.arena) >= fetchBytes; j.stopped {
			rows.Close()
			break
		}
		v := rows.RawValues()
		id := mail.MessageID(rawInt64(v[0]))
		for at < len(j.order) && j.rows[j.order[at]].MessageID < id {
			at++
		}
		for ; at < len(j.order) && j.rows[j.order[at]].MessageID == id; at++ {
			j.fill(j.order[at], v[1:])
		}
	}
	return rows.Err()
}

func (j *join) fill(i int, v [][]byte) {
	if !j.has[i] {
		j.has[i] = true
		j.found++
		j.columns(&j.rows[i], v, j.cols)
	}
}

// missing gives the ids to be looked up, ascending. A reading that had its
// octets ends the batch before its first row that is not filled, for rows go
// in UID order; if that is the first of all, it is looked up alone.
func (j *join) missing() (ids []int64) {
	if n := slices.Index(j.has, false); j.stopped && n >= 0 {
		n = max(1, n)
		j.full, j.end = true, j.rows[n-1].UID
		j.rows, j.has = j.rows[:n], j.has[:n]
		j.order = slices.DeleteFunc(j.order, func(i int) bool { return i >= n })
	}
	for _, i := range j.order {
		if id := int64(j.rows[i].MessageID); !j.has[i] && (len(ids) == 0 || ids[len(ids)-1] != id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// drop takes rows out whose message is not there.
func (j *join) drop() {
	if slices.Contains(j.has, false) {
		i := -1
		j.rows = slices.DeleteFunc(j.rows, func(mail.MessageRow) bool { i++; return !j.has[i] })
	}
}
