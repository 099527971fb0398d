package view

import (
	"context"
	"errors"
	"sync"

	"postroom/internal/mail"
)

// flight is one reading that several sessions wait for.
type flight struct {
	done    chan struct{}
	next    *flight // shared by all who came after this one began
	snap    *Snapshot
	changes mail.Changes
	err     error
}

// flights runs at most one reading at a time. Whoever asks gets a reading that
// began after asking, so that a wake-up is never answered with the state
// before it; all who wait share one.
type flights struct {
	mu    sync.Mutex
	under *flight // begun, or about to be by its maker
}

func (g *flights) do(ctx context.Context, read func(*flight)) (*flight, error) {
	for {
		f, before, mine := g.join()
		if mine {
			if before != nil {
				<-before.done
			}
			read(f)
			g.land(f)
			return f, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// That another session ended is not this one's error.
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
			return f, f.err
		}
	}
}

// join gives the flight to wait for, and whether the caller has to fly it
// (after the one before has landed).
func (g *flights) join() (f, before *flight, mine bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before = g.under
	if before == nil {
		g.under = &flight{done: make(chan struct{})}
		return g.under, nil, true
	}
	if before.next != nil {
		return before.next, nil, false
	}
	before.next = &flight{done: make(chan struct{})}
	return before.next, before, true
}

func (g *flights) land(f *flight) {
	g.mu.Lock()
	g.under = f.next
	g.mu.Unlock()
	close(f.done)
}
