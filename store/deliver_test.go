package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func sound(t testing.TB, s *store.Store) {
	t.Helper()
	if err := storetest.CheckInvariants(context.Background(), s); err != nil {
		t.Error(err)
	}
}

func body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func accounts(t testing.TB, s *store.Store, n int) []mail.AccountID {
	t.Helper()
	var as []mail.AccountID
	for i := range n {
		as = append(as, storetest.Account(t, s, fmt.Sprintf("user%d@example.test", i)))
	}
	return as
}

func TestManySendersManyMailboxes(t *testing.T) {
	s := storetest.New(t)
	as := accounts(t, s, 7)
	const senders, each = 24, 25
	var mu sync.Mutex
	uids := map[mail.AccountID]map[mail.UID]bool{}
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			last := map[mail.AccountID]mail.UID{}
			for j := range each {
				to := []mail.AccountID{as[(i+j)%len(as)]}
				if j%5 == 0 {
					to = append(to, as[(i+j+3)%len(as)], as[(i+j+1)%len(as)])
				}
				got, err := s.Deliver(t.Context(), storetest.Delivery(body(300), to...))
				if err != nil {
					t.Error(err)
					return
				}
				for _, f := range got.Filed {
					if f.UID <= last[f.Account] {
						t.Errorf("uid %d after %d", f.UID, last[f.Account])
					}
					last[f.Account] = f.UID
					mu.Lock()
					if uids[f.Account] == nil {
						uids[f.Account] = map[mail.UID]bool{}
					}
					if uids[f.Account][f.UID] {
						t.Errorf("uid %d of %d given twice", f.UID, f.Account)
					}
					uids[f.Account][f.UID] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for a, got := range uids {
		total += len(got)
		for u := range mail.UID(len(got)) {
			if !got[u+1] {
				t.Errorf("account %d has no uid %d of %d", a, u+1, len(got))
			}
		}
	}
	if want := senders * each * 7 / 5; total != want {
		t.Errorf("filed %d, want %d", total, want)
	}
	sound(t, s)
}
