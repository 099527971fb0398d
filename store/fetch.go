package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

const (
	// fetchRows and fetchBytes bound what a batch of FetchMessages holds.
	fetchRows  = 1000
	fetchBytes = 1 << 20
	// fetchFirst is the first batch's row limit, before the size of a row is known.
	fetchFirst = 128
)

// FetchMessages reads messages in UID order and gives each to fn. It reads a
// bounded batch, lets go of the connection, and only then calls fn: a slow
// reader holds nothing in the database, and each batch is its own moment. The
// row and its slices are valid until fn returns; an error of fn ends it and is
// given back as it is. UIDs that are not there are passed over.
func (s *Store) FetchMessages(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error {
	f := fetch{s: s, acct: acct, mbox: mbox, cols: cols, q: fetchQuery(cols), limit: fetchFirst, left: uids}
	for len(f.left) > 0 {
		if err := f.batch(ctx); err != nil {
			return err
		}
		for i := range f.rows {
			f.unpack(&f.rows[i])
			if err := fn(&f.rows[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch is one FetchMessages under way.
type fetch struct {
	s     *Store
	acct  mail.AccountID
	mbox  mail.MailboxID
	cols  mail.Columns
	q     [2]string // by list, by span
	limit int
	left  mail.UIDSet // not yet read

	rows  []mail.MessageRow
	arena []byte // what the rows' slices point into
	full  bool   // the batch reached its bytes before the query's end
}

// batch reads the next rows. A wide range is read along the index up to the
// limit; narrow ones are looked up one by one: each has one good plan.
func (f *fetch) batch(ctx context.Context) error {
	f.rows, f.arena, f.full = f.rows[:0], f.arena[:0], false
	head := f.left[0]
	wide := int64(head.Hi)-int64(head.Lo) >= int64(f.limit)
	var list mail.UIDSet
	if !wide {
		list = f.list()
	}
	lo, hi := bounds(list)
	limit := f.limit
	err := f.s.pinned(ctx, func(b *pgx.Batch) {
		f.rows, f.arena, f.full = f.rows[:0], f.arena[:0], false
		if wide {
			b.Queue(f.q[1], f.acct, f.mbox, head.Lo, head.Hi, limit).Query(f.read)
			return
		}
		b.Queue(f.q[0], f.acct, f.mbox, lo, hi).Query(f.read)
	})
	if err != nil {
		return err
	}
	f.advance(head, list, limit)
	return nil
}

// list takes ranges from the front of left, of as many UIDs as the limit.
func (f *fetch) list() mail.UIDSet {
	room := int64(f.limit)
	for i, r := range f.left {
		n := int64(r.Hi) - int64(r.Lo) + 1
		if n > room {
			out := f.left[:i:i]
			if room > 0 {
				out = append(out, mail.UIDRange{Lo: r.Lo, Hi: r.Lo + mail.UID(room) - 1})
			}
			return out
		}
		room -= n
	}
	return f.left
}

// advance cuts what was read off left, and fits the limit to the rows' size.
func (f *fetch) advance(head mail.UIDRange, list mail.UIDSet, limit int) {
	done := head.Hi
	if list != nil {
		done = list[len(list)-1].Hi
	}
	if n := len(f.rows); f.full || list == nil && n == limit {
		done = f.rows[n-1].UID
	}
	f.left = f.left.Subtract(mail.UIDSet{{Lo: 1, Hi: done}})
	f.limit = min(2*f.limit, fetchRows)
	if n := len(f.rows); n > 0 {
		per := len(f.arena)/n + 1
		f.limit = max(1, min(f.limit, fetchBytes/per))
	}
}

// read collects rows until the batch is full; the rest of the answer is
// dropped unread.
func (f *fetch) read(rows pgx.Rows) error {
	if err := binaryOnly(rows, 0, 1, 2, 3, 4, 5, 6, 7, 8); err != nil {
		return err
	}
	for rows.Next() {
		if f.full = len(f.rows) > 0 && len(f.arena) >= fetchBytes; f.full {
			rows.Close()
			break
		}
		f.rows = append(f.rows, f.row(rows.RawValues()))
	}
	return rows.Err()
}

func (f *fetch) row(v [][]byte) mail.MessageRow {
	m := mail.MessageRow{MessageFlags: rawFlags(v), MessageID: mail.MessageID(rawInt64(v[4])), Size: rawInt64(v[5]),
		Received: rawTime(v[6]), Saved: rawTime(v[7]), Expunged: v[8][0] != 0}
	v = v[9:]
	next := func() []byte { b := v[0]; v = v[1:]; return b }
	if f.cols&mail.ColBlob != 0 {
		m.BlobID, m.Prefix, m.HeaderSize = mail.BlobID(rawInt64(next())), f.keep(next()), rawInt64(next())
	}
	if f.cols&mail.ColFields != 0 {
		m.Fields = f.keep(next())
	}
	if f.cols&mail.ColEnvelope != 0 {
		m.Envelope = f.keep(next())
	}
	if f.cols&mail.ColBodyStructure != 0 {
		m.BodyStructure = f.keep(next())
	}
	if f.cols&mail.ColParts != 0 {
		m.Parts = f.keep(next())
	}
	if f.cols&mail.ColPreview != 0 {
		m.Preview = string(next())
	}
	if f.cols&mail.ColThread != 0 {
		m.ThreadID, m.MessageIDField, m.SentAt = mail.ThreadID(rawInt64(next())), string(next()), rawTime(next())
	}
	if f.cols&mail.ColOctets != 0 {
		m.Octets = f.keep(next())
	}
	return m
}

// unpack turns the stored chunk of a row into its octets, one row at a time.
// A damaged one is left to who reads the blob by itself and can tell.
func (f *fetch) unpack(m *mail.MessageRow) {
	stored := m.Octets
	m.Octets = nil
	if len(stored) == 0 {
		return
	}
	plain, err := f.s.cfg.Decompress(stored)
	if err == nil && int64(len(plain)) == m.Size-int64(len(m.Prefix)) {
		m.Octets = plain
	}
}

// keep copies a column's octets, which the connection owns, into the arena.
// When the arena grows, rows before keep their slices of the old one.
func (f *fetch) keep(b []byte) []byte {
	n := len(f.arena)
	f.arena = append(f.arena, b...)
	return f.arena[n:len(f.arena):len(f.arena)]
}
