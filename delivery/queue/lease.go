package queue

import (
	"context"
	"errors"
	"sync"
	"time"

	"postroom/internal/mail"
)

// leases are those that one run holds.
type leases struct {
	w    *Worker
	mu   sync.Mutex
	held map[mail.LeaseToken]*lease
}

// lease is what was taken by one LeaseDue.
type lease struct {
	until   time.Time
	entries map[mail.EntryID]bool
}

var errLeaseLost = errors.New("the lease is over")

func newLeases(w *Worker) *leases { return &leases{w: w, held: map[mail.LeaseToken]*lease{}} }

func (l *leases) add(batch []mail.LeasedMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range batch {
		h := l.held[m.Token]
		if h == nil {
			h = &lease{until: m.Until, entries: map[mail.EntryID]bool{}}
			l.held[m.Token] = h
		}
		h.until = earlier(h.until, m.Until)
		for _, e := range m.Entries {
			h.entries[e.ID] = true
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// drop forgets the entries of a settled message.
func (l *leases) drop(m mail.LeasedMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[m.Token]
	for _, e := range m.Entries {
		delete(h.entries, e.ID)
	}
	if len(h.entries) == 0 {
		delete(l.held, m.Token)
	}
}

// keep renews at a third of the leases' life until stop is called.
func (l *leases) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(l.w.cfg.Lease / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				l.renewAll(ctx)
			}
		}
	}()
	return func() { cancel(); <-done }
}

func (l *leases) renewAll(ctx context.Context) {
	l.mu.Lock()
	tokens := make([]mail.LeaseToken, 0, len(l.held))
	for t := range l.held {
		tokens = append(tokens, t)
	}
	l.mu.Unlock()
	for _, t := range tokens {
		if err := l.renew(ctx, t); err != nil && ctx.Err() == nil {
			l.w.cfg.Log.WarnContext(ctx, "leases not renewed", "error", err)
		}
	}
}

// renew makes the leases of one token last their full life again. Until the
// database has said yes, the old end counts.
func (l *leases) renew(ctx context.Context, token mail.LeaseToken) error {
	l.mu.Lock()
	h := l.held[token]
	var ids []mail.EntryID
	if h != nil {
		for id := range h.entries {
			ids = append(ids, id)
		}
	}
	l.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	until := time.Now().Add(l.w.cfg.Lease)
	lost, err := l.w.cfg.Store.RenewLeases(ctx, ids, token, until)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h.until = until
	for _, id := range lost {
		delete(h.entries, id)
	}
	return nil
}

// margin is for clocks and for the time between the look and the final dot.
const margin = 30 * time.Second

// outlive makes sure that the leases of m last longer than the reply to the
// end of the message may take (RFC 5321 §4.5.3.2.6); else the message must
// not be ended, since another worker could send it too.
func (l *leases) outlive(ctx context.Context, m mail.LeasedMessage) error {
	need := l.w.cfg.Relay.FinalTimeout() + min(margin, l.w.cfg.Lease/10)
	if l.lasts(m, need) == nil {
		return nil
	}
	if err := l.renew(ctx, m.Token); err != nil {
		return err
	}
	return l.lasts(m, need)
}

func (l *leases) lasts(m mail.LeasedMessage, d time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[m.Token]
	if h == nil || time.Until(h.until) < d {
		return errLeaseLost
	}
	for _, e := range m.Entries {
		if !h.entries[e.ID] {
			return errLeaseLost
		}
	}
	return nil
}
