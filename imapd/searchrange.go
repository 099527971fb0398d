package imapd

import (
	"context"
	"math"
	"time"

	"postroom/internal/mail"
)

// between is a key that asks whether a number of the row lies between two,
// neither of them included. It is asked of each row, or the store is asked
// about many messages by one statement.
type between struct {
	value  mail.RowValue
	bounds func() (above, below int64)
	found  mail.UIDSet
	known  bool // the store was asked about all that may need it
}

// between makes such a key.
func (p *searchParser) between(value mail.RowValue, bounds func() (above, below int64)) criterion {
	b := &between{value: value, bounds: bounds}
	p.args.ranges = append(p.args.ranges, b)
	return criterion{cost: costRow, eval: func(_ context.Context, c *candidate) (verdict, error) {
		switch {
		case b.known:
			return verdictOf(b.found.Contains(c.flags.UID)), nil
		case c.row == nil:
			return unknown, nil
		}
		above, below := b.bounds()
		n := value.Of(c.row)
		return verdictOf(above < n && n < below), nil
	}}
}

// day parses SP date and compares a time with it "disregarding time and
// timezone" (RFC 9051 §6.4.4): its day is that which FETCH tells, in UTC.
func day(value mail.RowValue, bounds func(day time.Time) (above, below int64)) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		t := p.d.Date()
		return p.between(value, func() (int64, int64) { return bounds(t) })
	}
}

// Times are in microseconds, which the store does not divide.
func beforeDay(d time.Time) (above, below int64) { return math.MinInt64, d.UnixMicro() }
func onDay(d time.Time) (above, below int64) {
	return d.UnixMicro() - 1, d.AddDate(0, 0, 1).UnixMicro()
}
func sinceDay(d time.Time) (above, below int64) { return d.UnixMicro() - 1, math.MaxInt64 }

// size parses SP number64.
func size(bounds func(n int64) (above, below int64)) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		n := int64(p.d.Number64())
		return p.between(mail.BySize, func() (int64, int64) { return bounds(n) })
	}
}

func larger(n int64) (above, below int64)  { return n, math.MaxInt64 }
func smaller(n int64) (above, below int64) { return math.MinInt64, n }

// maxRanges is how many keys of one search the store is asked about.
const maxRanges = 8

// judge asks the store about the keys of the row, while many messages are
// open, and gives what stays open. Each answer leaves fewer for the next.
func (q *query) judge(ctx context.Context, open mail.UIDSet) (mail.UIDSet, error) {
	st, box := q.s.srv.Store, q.s.sel.mailbox
	for _, b := range q.ranges[:min(len(q.ranges), maxRanges)] {
		if open.Len() < indexLeast {
			break
		}
		var err error
		above, below := b.bounds()
		if b.found, b.known, err = st.MessagesBetween(ctx, box.Account, box.ID, open, b.value, above, below); err != nil {
			return nil, err
		}
		if !b.known {
			continue
		}
		if open, err = q.snapshot(ctx); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// judged tells whether no key of the row is left to be asked.
func (q *query) judged() bool {
	for _, b := range q.ranges {
		if !b.known {
			return false
		}
	}
	return true
}

// forgetRanges makes the keys ask again: what was said was of one mailbox.
func forgetRanges(ranges []*between) {
	for _, b := range ranges {
		b.found, b.known = nil, false
	}
}
