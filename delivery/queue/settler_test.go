package queue

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"postroom/internal/mail"
)

// slowBooks is a store whose first Settle waits until it is let go, and that
// takes no call with the entry bad in it.
type slowBooks struct {
	Store
	bad     mail.EntryID
	err     error
	begun   chan struct{}
	letGo   chan struct{}
	mu      sync.Mutex
	entries [][]mail.EntryID // of each call
}

func (b *slowBooks) Settle(_ context.Context, settlements []mail.Settlement, _ []mail.QueueDSN) ([]mail.SettleResult, error) {
	var ids []mail.EntryID
	var results []mail.SettleResult
	for _, x := range settlements {
		ids = append(ids, x.Entry)
		results = append(results, mail.SettleResult{Entry: x.Entry})
	}
	b.mu.Lock()
	b.entries = append(b.entries, ids)
	first := len(b.entries) == 1
	b.mu.Unlock()
	if first {
		close(b.begun)
		<-b.letGo
	}
	if b.err != nil && slices.Contains(ids, b.bad) {
		return nil, b.err
	}
	return results, nil
}

// crowd settles entry 0, and while that is being written 1 to n, two entries
// each; it gives what each caller got.
func crowd(t *testing.T, b *slowBooks, n int) (results [][]mail.SettleResult, errs []error) {
	t.Helper()
	b.begun, b.letGo = make(chan struct{}), make(chan struct{})
	s := &settler{store: b}
	results, errs = make([][]mail.SettleResult, n+1), make([]error, n+1)
	var callers sync.WaitGroup
	call := func(i int) {
		callers.Go(func() {
			id := mail.EntryID(2 * i)
			results[i], errs[i] = s.settle(t.Context(), []mail.Settlement{{Entry: id}, {Entry: id + 1}})
		})
	}
	call(0)
	<-b.begun
	for i := range n {
		call(i + 1)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		waiting := len(s.waiting)
		s.mu.Unlock()
		if waiting == n {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d callers wait", waiting, n)
		}
	}
	close(b.letGo)
	callers.Wait()
	return results, errs
}

// TestOutcomesShareATransaction: what arrives while one transaction is under
// way is written by the next, and each caller gets the results of its own.
func TestOutcomesShareATransaction(t *testing.T) {
	b := &slowBooks{}
	results, errs := crowd(t, b, 5)
	if len(b.entries) != 2 || len(b.entries[1]) != 10 {
		t.Errorf("transactions with the entries %v, want one of 2 and one of 10", b.entries)
	}
	for i, r := range results {
		if errs[i] != nil || len(r) != 2 || r[0].Entry != mail.EntryID(2*i) || r[1].Entry != mail.EntryID(2*i+1) {
			t.Errorf("caller %d got %v, %v", i, r, errs[i])
		}
	}
}

// TestRefusedOutcomeKeepsNoOtherBack: an outcome that the database never takes
// is told to its caller alone.
func TestRefusedOutcomeKeepsNoOtherBack(t *testing.T) {
	b := &slowBooks{bad: 5, err: mail.Errorf(mail.CodeInternal, "no")}
	_, errs := crowd(t, b, 4)
	for i, err := range errs {
		if (err != nil) != (i == 2) {
			t.Errorf("caller %d got %v", i, err)
		}
	}
}

// TestStoppedDatabaseIsAskedOnce: while the database is away a group does not
// ask it for each of its members.
func TestStoppedDatabaseIsAskedOnce(t *testing.T) {
	b := &slowBooks{bad: 5, err: mail.Errorf(mail.CodeUnavailable, "no database")}
	_, errs := crowd(t, b, 4)
	if len(b.entries) != 2 {
		t.Errorf("%d calls, want 2", len(b.entries))
	}
	for i, err := range errs {
		if (err != nil) != (i > 0) {
			t.Errorf("caller %d got %v", i, err)
		}
	}
}
