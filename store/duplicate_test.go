package store_test

import (
	"sync"
	"testing"

	"postroom/internal/mail"
	"postroom/store/storetest"
)

func TestRetriesAreRecognised(t *testing.T) {
	s := storetest.New(t)
	as := accounts(t, s, 2)
	retry := func() (mail.Delivered, error) {
		d := storetest.Delivery([]byte("the same octets\r\n"), as...)
		d.Fingerprint = []byte("network, sender, recipients and hash")
		return s.Deliver(t.Context(), d)
	}
	var mu sync.Mutex
	var first []mail.Delivered
	var again []mail.Delivered
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			got, err := retry()
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if got.Duplicate {
				again = append(again, got)
			} else {
				first = append(first, got)
			}
		})
	}
	wg.Wait()
	if len(first) != 1 || len(again) != 15 {
		t.Fatalf("%d taken as new, %d as retries; want 1 and 15", len(first), len(again))
	}
	for _, a := range again {
		if a.Trace != first[0].Trace {
			t.Errorf("a retry got id %v, the first %v", a.Trace, first[0].Trace)
		}
	}
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages"); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	exec(t, s, "UPDATE accepted SET accepted_at = now() - interval '4 hours 1 minute'")
	if got, err := retry(); err != nil || got.Duplicate {
		t.Errorf("after four hours: %+v, %v", got, err)
	}
	sound(t, s)
}
