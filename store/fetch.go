package store

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

const (
	// fetchRows and fetchBytes bound what a batch of FetchMessages holds; there
	// are two of them.
	fetchRows  = 1000
	fetchBytes = 512 << 10
	// fetchFirst is the first batch's row limit, before the size of a row is known.
	fetchFirst = 128
)

// FetchMessages reads messages in UID order and gives each to fn. It reads a
// bounded batch and lets go of the connection; while fn has its rows, the next
// batch is read, and no more: a slow reader holds nothing in the database, and
// each batch is its own moment. The row and its slices are valid until fn
// returns; an error of fn ends it and is given back as it is. UIDs that are not
// there are passed over.
func (s *Store) FetchMessages(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, uids mail.UIDSet, cols mail.Columns, fn func(*mail.MessageRow) error) error {
	if cols&mail.ColBlob != 0 {
		cols &^= mail.ColUnlisted
	}
	f := fetch{s: s, acct: acct, mbox: mbox, cols: cols, q: fetchQuery(cols), dense: mayBeDense(cols), limit: fetchFirst, left: uids}
	now, next := &fetchBatch{}, &fetchBatch{}
	for wait := f.begin(ctx, now); wait != nil; now, next = next, now {
		if err := <-wait; err != nil {
			return err
		}
		wait = f.begin(ctx, next)
		if err := f.give(now, fn); err != nil {
			if wait != nil {
				<-wait
			}
			return err
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
	q     *fetchSQL
	dense bool // ranges of ids give the messages
	limit int
	left  mail.UIDSet // not yet read
	plain []byte      // the octets of the row that fn has
}

// fetchBatch is what was read at once.
type fetchBatch struct {
	cols  mail.Columns
	rows  []mail.MessageRow
	arena []byte   // what the rows' slices point into
	full  bool     // it reached its bytes before the query's end
	seen  int      // rows that the query gave
	held  int      // rows whose columns the arena has
	end   mail.UID // of the last of them
}

func (b *fetchBatch) reset() { *b = fetchBatch{rows: b.rows[:0], arena: b.arena[:0]} }

// begin has the next batch read, and gives where to wait for it; nil: nothing
// is left.
func (f *fetch) begin(ctx context.Context, b *fetchBatch) <-chan error {
	if len(f.left) == 0 {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		// A defect here must end the reader only: nobody else looks after this goroutine.
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("reading messages panicked: %v\n%s", r, debug.Stack())
			}
		}()
		done <- f.read(ctx, b)
	}()
	return done
}

func (f *fetch) give(b *fetchBatch, fn func(*mail.MessageRow) error) error {
	for i := range b.rows {
		f.unpack(&b.rows[i])
		if err := fn(&b.rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// read reads the next rows. A wide range is read along the index up to the
// limit; narrow ones are looked up one by one: each has one good plan.
func (f *fetch) read(ctx context.Context, b *fetchBatch) error {
	head := f.left[0]
	wide := int64(head.Hi)-int64(head.Lo) >= int64(f.limit)
	var list mail.UIDSet
	if !wide {
		list = f.list()
	}
	var err error
	if wide && f.dense {
		err = f.readDense(ctx, b, head)
	} else {
		err = f.readWhole(ctx, b, head, list)
	}
	if err == nil {
		f.advance(b, head, list)
	}
	return err
}

// readWhole reads rows with all their columns by one statement: those of a
// list, or of a range when there is none.
func (f *fetch) readWhole(ctx context.Context, b *fetchBatch, head mail.UIDRange, list mail.UIDSet) error {
	lo, hi := bounds(list)
	return f.s.pinned(ctx, func(q *pgx.Batch) {
		b.reset()
		b.cols = f.cols
		if list == nil {
			q.Queue(f.q.span, f.acct, f.mbox, head.Lo, head.Hi, f.limit).Query(b.read)
			return
		}
		q.Queue(f.q.list, f.acct, f.mbox, lo, hi).Query(b.read)
	})
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
func (f *fetch) advance(b *fetchBatch, head mail.UIDRange, list mail.UIDSet) {
	done := head.Hi
	if list != nil {
		done = list[len(list)-1].Hi
	}
	if b.full || list == nil && b.seen == f.limit {
		done = b.end
	}
	f.left = f.left.Subtract(mail.UIDSet{{Lo: 1, Hi: done}})
	f.limit = min(2*f.limit, fetchRows)
	if n := b.held; n > 0 {
		per := len(b.arena)/n + 1
		f.limit = max(1, min(f.limit, fetchBytes/per))
	}
}

// read collects rows until the batch is full; the rest of the answer is
// dropped unread.
func (b *fetchBatch) read(rows pgx.Rows) error {
	if err := binaryOnly(rows, 0, 1, 2, 3, 4, 5, 6, 7, 8); err != nil {
		return err
	}
	for rows.Next() {
		if b.full = len(b.rows) > 0 && len(b.arena) >= fetchBytes; b.full {
			rows.Close()
			break
		}
		b.rows = append(b.rows, b.row(rows.RawValues()))
		b.seen, b.held = b.seen+1, b.held+1
		b.end = b.rows[len(b.rows)-1].UID
	}
	return rows.Err()
}

func (b *fetchBatch) row(v [][]byte) mail.MessageRow {
	m := mail.MessageRow{MessageFlags: rawFlags(v), MessageID: mail.MessageID(rawInt64(v[4])), Size: rawInt64(v[5]),
		Received: rawTime(v[6]), Saved: rawTime(v[7]), Expunged: v[8][0] != 0}
	b.columns(&m, v[9:], b.cols)
	return m
}

// columns reads the columns of messages from those of a row.
func (b *fetchBatch) columns(m *mail.MessageRow, v [][]byte, cols mail.Columns) {
	next := func() []byte { col := v[0]; v = v[1:]; return col }
	if cols&mail.ColBlob != 0 {
		m.BlobID, m.Prefix, m.HeaderSize = mail.BlobID(rawInt64(next())), b.keep(next()), rawInt64(next())
	}
	if cols&mail.ColFields != 0 {
		m.Fields = b.keep(next())
	}
	if cols&mail.ColEnvelope != 0 {
		m.Envelope = b.keep(next())
	}
	if cols&mail.ColBodyStructure != 0 {
		m.BodyStructure = b.keep(next())
	}
	if cols&mail.ColParts != 0 {
		m.Parts = b.keep(next())
	}
	if cols&mail.ColPreview != 0 {
		m.Preview = string(next())
	}
	if cols&mail.ColThread != 0 {
		m.ThreadID, m.MessageIDField, m.SentAt = mail.ThreadID(rawInt64(next())), string(next()), rawTime(next())
	}
	if cols&mail.ColOctets != 0 {
		m.Octets = b.keep(next())
	}
	if cols&mail.ColUnlisted != 0 {
		m.BlobID, m.Prefix, m.HeaderSize = mail.BlobID(rawInt64(next())), b.keep(next()), rawInt64(next())
	}
}

// unpack turns the stored chunk of a row into its octets, one row at a time.
// A damaged one is left to who reads the blob by itself and can tell.
func (f *fetch) unpack(m *mail.MessageRow) {
	stored := m.Octets
	m.Octets = nil
	if len(stored) == 0 {
		return
	}
	plain, err := f.s.cfg.Decompress(f.plain[:0], stored)
	if err == nil && int64(len(plain)) == m.Size-int64(len(m.Prefix)) {
		m.Octets, f.plain = plain[:len(plain):len(plain)], plain
	}
}

// keep copies a column's octets, which the connection owns, into the arena.
// When the arena grows, rows before keep their slices of the old one.
func (b *fetchBatch) keep(col []byte) []byte {
	n := len(b.arena)
	b.arena = append(b.arena, col...)
	return b.arena[n:len(b.arena):len(b.arena)]
}
