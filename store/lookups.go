package store

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// Recipients that are asked for together are looked up together: at a busy MX
// one statement then serves many RCPTs. Nobody waits for more to come.
const (
	lookupWorkers = 2
	lookupBatch   = 64
	lookupTimeout = 30 * time.Second
)

// lookups hands single look-ups to the workers.
type lookups struct {
	s   *Store
	ask chan *lookupAsk
}

type lookupAsk struct {
	address mail.Address
	found   lookup
	err     error
	done    chan struct{}
}

func newLookups(s *Store) *lookups {
	l := &lookups{s: s, ask: make(chan *lookupAsk)}
	for range lookupWorkers {
		s.run(l.work)
	}
	return l
}

// one looks up one address.
func (l *lookups) one(ctx context.Context, a mail.Address) (lookup, error) {
	q := &lookupAsk{address: a, done: make(chan struct{})}
	select {
	case l.ask <- q:
	case <-ctx.Done():
		return lookup{}, ctx.Err()
	case <-l.s.ctx.Done():
		return lookup{}, l.s.ctx.Err()
	}
	select {
	case <-q.done:
		return q.found, q.err
	case <-ctx.Done():
		return lookup{}, ctx.Err()
	}
}

func (l *lookups) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-l.ask:
			l.answer(ctx, l.waiting(q))
		}
	}
}

// waiting takes what is being asked at this moment.
func (l *lookups) waiting(first *lookupAsk) []*lookupAsk {
	qs := []*lookupAsk{first}
	for len(qs) < lookupBatch {
		select {
		case q := <-l.ask:
			qs = append(qs, q)
		default:
			return qs
		}
	}
	return qs
}

// answer asks for all at once; when that fails and the database is there, for
// each alone, so that one cannot spoil it for the others.
func (l *lookups) answer(ctx context.Context, qs []*lookupAsk) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	asked := make([]mail.Address, len(qs))
	for i, q := range qs {
		asked[i] = q.address
	}
	found, err := l.s.lookUp(ctx, asked)
	if err != nil && len(qs) > 1 && !temporary(err) {
		for _, q := range qs {
			l.answer(ctx, []*lookupAsk{q})
		}
		return
	}
	for i, q := range qs {
		if q.err = err; err == nil {
			q.found = found[i]
		}
		close(q.done)
	}
}
