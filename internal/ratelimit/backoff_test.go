package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newTest() (*Backoff, *clock) {
	c := &clock{time.Unix(1_800_000_000, 0)}
	return NewBackoff(Policy{Free: 2, First: time.Second, Max: 8 * time.Second, Forget: time.Hour, Keys: 100}, c.now), c
}

func TestDelayGrowsThenForgets(t *testing.T) {
	b, c := newTest()
	var waits []time.Duration
	for range 7 {
		w, ok := b.Reserve(time.Minute, "k")
		if !ok {
			t.Fatal("refused")
		}
		waits = append(waits, w)
		c.t = c.t.Add(w)
		b.Fail("k")
	}
	if got, want := fmt.Sprint(waits), "[0s 0s 0s 1s 2s 4s 8s]"; got != want {
		t.Errorf("waits %s, want %s", got, want)
	}
	c.t = c.t.Add(2 * time.Hour)
	if w, _ := b.Reserve(time.Minute, "k"); w != 0 {
		t.Errorf("after two quiet hours the wait is still %s", w)
	}
}

func TestParallelTriesQueue(t *testing.T) {
	b, _ := newTest()
	for range 3 {
		b.Fail("k")
	}
	for i := 1; i <= 3; i++ {
		if w, ok := b.Reserve(3*time.Second, "k"); !ok || w != time.Duration(i)*time.Second {
			t.Errorf("try %d waits %s, %v", i, w, ok)
		}
	}
	if w, ok := b.Reserve(3*time.Second, "k"); ok {
		t.Errorf("a fourth try in parallel was let in after %s", w)
	}
	if _, ok := b.Reserve(0, "other"); !ok {
		t.Error("another key suffers")
	}
}

func TestAnyKeyHoldsBack(t *testing.T) {
	b, _ := newTest()
	for range 4 {
		b.Fail("account")
	}
	if w, _ := b.Reserve(time.Minute, "peer", "account"); w != 2*time.Second {
		t.Errorf("wait %s", w)
	}
	b.Forgive("account")
	if w, _ := b.Reserve(time.Minute, "peer", "account"); w != 0 {
		t.Errorf("forgiven, but waits %s", w)
	}
}

// What another server has counted holds back here, and what it has forgiven no
// longer does.
func TestSet(t *testing.T) {
	b, c := newTest()
	b.Fail("k")
	b.Set("k", 5, time.Second)
	if w := b.Wait("k"); w != 3*time.Second {
		t.Errorf("five failures, the last a second ago: %s", w)
	}
	if w, _ := b.Reserve(time.Minute, "k"); w != 3*time.Second {
		t.Errorf("asking took a slot: %s", w)
	}
	b.Set("k", 5, time.Second)
	if w := b.Wait("k"); w != 7*time.Second {
		t.Errorf("a slot that was taken is free again: %s", w)
	}
	b.Set("k", 5, 2*time.Hour)
	c.t = c.t.Add(time.Minute)
	if w := b.Wait("k"); w != 0 {
		t.Errorf("two hours ago: %s", w)
	}
	b.Raise("k", 5, 0)
	b.Raise("k", 3, 0)
	if w := b.Wait("k"); w != 4*time.Second {
		t.Errorf("raised to five failures: %s", w)
	}
	b.Set("k", 0, 0)
	b.Set("k", 2, 0)
	if w := b.Wait("k"); w != 0 {
		t.Errorf("forgiven, and failed twice since: %s", w)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	b, _ := newTest()
	for i := range 10_000 {
		b.Fail(fmt.Sprint(i))
	}
	if n := b.keys.Len(); n != 100 {
		t.Errorf("%d keys", n)
	}
}
