// Package ratelimit slows down who fails repeatedly: each failure beyond a
// free number doubles the time until the next try, per key (a client network,
// an account). Memory is bounded.
package ratelimit

import (
	"sync"
	"time"

	"postroom/internal/lru"
)

// Policy says how a Backoff grows.
type Policy struct {
	Free   int           // failures that cost nothing
	First  time.Duration // delay after failure Free+1; doubles with each further one
	Max    time.Duration // the delay never exceeds this
	Forget time.Duration // after so long without a failure a key is clean again
	Keys   int           // keys remembered at most
}

// Backoff counts failures per key. It is safe for concurrent use.
type Backoff struct {
	policy Policy
	now    func() time.Time

	mu   sync.Mutex
	keys *lru.Map[string, *record]
}

type record struct {
	failures int
	last     time.Time // of the last failure
	next     time.Time // no try before this
}

// NewBackoff makes a Backoff; now is the clock, time.Now when nil.
func NewBackoff(p Policy, now func() time.Time) *Backoff {
	if now == nil {
		now = time.Now
	}
	return &Backoff{policy: p, now: now, keys: lru.New[string, *record](p.Keys)}
}

// Reserve takes the next free slot of every key together and says how long to
// wait for the latest of them. Slots of one key follow each other at its
// present delay, so that parallel tries wait behind each other instead of all
// passing at once. When the wait would exceed limit, nothing is taken and ok is
// false.
func (b *Backoff) Reserve(limit time.Duration, keys ...string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, k := range keys {
		if r := b.get(k, now); r != nil {
			wait = max(wait, r.next.Sub(now))
		}
	}
	if wait > limit {
		return wait, false
	}
	for _, k := range keys {
		if r := b.get(k, now); r != nil {
			if d := b.delay(r.failures); d > 0 {
				r.next = now.Add(wait + d)
			}
		}
	}
	return wait, true
}

// Fail counts one failure for every key.
func (b *Backoff) Fail(keys ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, k := range keys {
		r := b.get(k, now)
		if r == nil {
			r = &record{}
			b.keys.Put(k, r)
		}
		r.failures++
		r.last = now
		if next := now.Add(b.delay(r.failures)); next.After(r.next) {
			r.next = next
		}
	}
}

// Wait tells how long a try of the key would wait, without taking a slot.
func (b *Backoff) Wait(key string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if r := b.get(key, now); r != nil {
		return max(0, r.next.Sub(now))
	}
	return 0
}

// Set makes failures, the last one age ago, the count of the key: what others
// have counted, too. Slots that are taken stay so.
func (b *Backoff) Set(key string, failures int, age time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if failures == 0 {
		b.keys.Delete(key)
		return
	}
	now := b.now()
	r := b.get(key, now)
	if r == nil {
		r = &record{}
		b.keys.Put(key, r)
	}
	r.failures, r.last = failures, now.Add(-age)
	if next := r.last.Add(b.delay(failures)); next.After(r.next) {
		r.next = next
	}
}

// Raise is Set where the key has fewer failures.
func (b *Backoff) Raise(key string, failures int, age time.Duration) {
	b.mu.Lock()
	r := b.get(key, b.now())
	enough := r != nil && r.failures >= failures
	b.mu.Unlock()
	if !enough {
		b.Set(key, failures, age)
	}
}

// Forgive makes the key clean, and tells whether it was not.
func (b *Backoff) Forgive(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	had := b.get(key, b.now()) != nil
	b.keys.Delete(key)
	return had
}

// get gives the record of k, nil when it is clean.
func (b *Backoff) get(k string, now time.Time) *record {
	r, ok := b.keys.Get(k)
	if !ok {
		return nil
	}
	if now.Sub(r.last) > b.policy.Forget {
		b.keys.Delete(k)
		return nil
	}
	return r
}

// delay is what a key with so many failures waits between two tries.
func (b *Backoff) delay(failures int) time.Duration {
	n := failures - b.policy.Free
	if n <= 0 {
		return 0
	}
	d := b.policy.First
	for ; n > 1 && d < b.policy.Max; n-- {
		d *= 2
	}
	return min(d, b.policy.Max)
}
