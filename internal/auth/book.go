package auth

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"postroom/internal/mail"
)

const (
	// saveEvery is how late other servers may learn of a failure.
	saveEvery = time.Second
	saveTime  = 10 * time.Second
	// maxUnsaved bounds what waits: counters, and rows of the history.
	maxUnsaved = 4096
	// maxCounters bounds how many counters one second can add to the database.
	maxCounters = 500
)

// book keeps what the Ledger is to be told, and tells it once a second: no
// log-in waits for it. What does not fit is dropped; the counts in memory
// stay.
type book struct {
	ledger Ledger
	log    *slog.Logger
	wake   chan struct{}

	saving  sync.Mutex // one at a time
	mu      sync.Mutex
	failed  map[mail.LoginCounter]int
	cleared map[mail.LoginCounter]bool
	onWay   map[mail.LoginCounter]int // being saved
	ailing  bool                      // the last attempt failed; it is logged once
	history history
}

func newBook(l Ledger, log *slog.Logger) *book {
	if l == nil {
		return nil
	}
	return &book{ledger: l, log: log, wake: make(chan struct{}, 1), failed: map[mail.LoginCounter]int{},
		cleared: map[mail.LoginCounter]bool{}, history: newHistory()}
}

// Run tells the Ledger, until ctx ends.
func (a *Authenticator) Run(ctx context.Context) {
	if a.book == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.book.wake:
		}
		if sleep(ctx, saveEvery) == nil {
			a.Save(ctx)
		}
	}
}

// Save tells the Ledger at once what has gathered, as before the end.
func (a *Authenticator) Save(ctx context.Context) {
	if a.book == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	a.book.save(ctx)
}

func (b *book) some() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// fail adds one to each counter.
func (b *book) fail(counters []mail.LoginCounter) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range counters {
		if b.failed[c] > 0 || len(b.failed) < maxUnsaved {
			b.failed[c]++
			b.some()
		}
	}
}

// clear forgets what failed under a counter.
func (b *book) clear(c mail.LoginCounter) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.failed, c)
	if len(b.cleared) < maxUnsaved {
		b.cleared[c] = true
		b.some()
	}
}

// unsaved counts what the ledger does not have yet.
func (b *book) unsaved(counters ...mail.LoginCounter) map[mail.LoginCounter]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := make(map[mail.LoginCounter]int, len(counters))
	for _, c := range counters {
		n[c] = b.failed[c] + b.onWay[c]
	}
	return n
}

// save tells the Ledger what has gathered. What it does not take is kept for
// the next time.
func (b *book) save(ctx context.Context) {
	b.saving.Lock()
	defer b.saving.Unlock()
	failed, cleared := b.take()
	if len(failed) > 0 || len(cleared) > 0 {
		err := b.ledger.AddLoginFailures(ctx, failed, cleared)
		b.taken(failed, cleared, err)
	}
	if all := b.takeHistory(); len(all) > 0 {
		if err := b.ledger.RecordLogins(ctx, all); err != nil {
			b.log.Warn("log-ins not noted in the history", "rows", len(all), "error", err)
		}
	}
}

// take gives at most maxCounters of what failed, and all that is cleared.
func (b *book) take() (map[mail.LoginCounter]int, []mail.LoginCounter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onWay = map[mail.LoginCounter]int{}
	for c, n := range b.failed {
		if len(b.onWay) == maxCounters {
			b.some()
			break
		}
		b.onWay[c] = n
		delete(b.failed, c)
	}
	var cleared []mail.LoginCounter
	for c := range b.cleared {
		cleared = append(cleared, c)
	}
	clear(b.cleared)
	return maps.Clone(b.onWay), cleared
}

func (b *book) taken(failed map[mail.LoginCounter]int, cleared []mail.LoginCounter, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.ailing
	b.onWay, b.ailing = nil, err != nil
	if err == nil {
		return
	}
	if !was {
		b.log.Warn("failed log-ins not shared with the other servers yet", "counters", len(failed), "error", err)
	}
	for c, n := range failed {
		if b.failed[c] > 0 || len(b.failed) < maxUnsaved {
			b.failed[c] += n
		}
	}
	for _, c := range cleared {
		if b.failed[c] == 0 && len(b.cleared) < maxUnsaved {
			b.cleared[c] = true
		}
	}
	b.some()
}

func (b *book) takeHistory() []mail.Login {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.history.take()
}
