package acme

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// LockStore keeps leases (table acme_locks).
type LockStore interface {
	TakeACMELock(ctx context.Context, name string, token int64, lease time.Duration) (bool, error)
	RenewACMELock(ctx context.Context, name string, token int64, lease time.Duration) (bool, error)
	FreeACMELock(ctx context.Context, name string, token int64) error
}

const (
	lockLease = time.Minute // what a killed node keeps a lock for
	lockRenew = lockLease / 3
	lockRetry = time.Second
)

// locks are certmagic's locks: leases that are renewed while they are held.
type locks struct {
	store LockStore
	log   *slog.Logger

	mu   sync.Mutex
	held map[string]lease
}

type lease struct {
	token int64
	stop  context.CancelFunc // of its renewal
}

func newLocks(store LockStore, log *slog.Logger) *locks {
	return &locks{store: store, log: log, held: map[string]lease{}}
}

// Lock implements certmagic.Locker.
func (l *locks) Lock(ctx context.Context, name string) error {
	for {
		if ok, err := l.TryLock(ctx, name); ok || err != nil {
			return err
		}
		t := time.NewTimer(lockRetry)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// TryLock implements certmagic.TryLocker.
func (l *locks) TryLock(ctx context.Context, name string) (bool, error) {
	var b [8]byte
	_, _ = rand.Read(b[:])
	token := int64(binary.BigEndian.Uint64(b[:]) >> 1)
	ok, err := l.store.TakeACMELock(ctx, name, token, lockLease)
	if err != nil || !ok {
		return false, err
	}
	renewal, stop := context.WithCancel(context.WithoutCancel(ctx))
	go l.renew(renewal, name, token)
	l.mu.Lock()
	l.held[name] = lease{token, stop}
	l.mu.Unlock()
	return true, nil
}

// renew keeps a lease until it is given back. One that is lost is told: the
// work under it goes on, and the rows it writes are whole.
func (l *locks) renew(ctx context.Context, name string, token int64) {
	tick := time.NewTicker(lockRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ok, err := l.store.RenewACMELock(ctx, name, token, lockLease)
		if err == nil && !ok {
			l.log.Warn("another node took over a lock of ACME", "lock", name)
			return
		}
	}
}

// Unlock implements certmagic.Locker. It works when ctx has ended, too.
func (l *locks) Unlock(ctx context.Context, name string) error {
	l.mu.Lock()
	h, ok := l.held[name]
	delete(l.held, name)
	l.mu.Unlock()
	if !ok {
		return fmt.Errorf("acme: lock %q is not held", name)
	}
	h.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return l.store.FreeACMELock(ctx, name, h.token)
}
