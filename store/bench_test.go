package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"postroom/store/storetest"
)

// BenchmarkDeliver has 32 senders of 4 KiB messages, into many mailboxes or
// one, without and with a snapshot that stays open and keeps every old version
// of the counters alive.
func BenchmarkDeliver(b *testing.B) {
	for _, snapshot := range []bool{false, true} {
		for _, mailboxes := range []int{100, 1} {
			b.Run(fmt.Sprintf("mailboxes=%d/snapshot=%v", mailboxes, snapshot), func(b *testing.B) {
				benchDeliver(b, mailboxes, snapshot)
			})
		}
	}
}

func benchDeliver(b *testing.B, mailboxes int, snapshot bool) {
	url := storetest.Database(b)
	s := storetest.Open(b, url)
	as := accounts(b, s, mailboxes)
	if snapshot {
		openSnapshot(b, url)
	}
	text := body(4096)
	var n atomic.Int64
	b.SetParallelism(16) // 32 goroutines on two cores
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			d := storetest.Delivery(text, as[int(i)%len(as)])
			d.Fingerprint = fmt.Appendf(nil, "%032d", i)
			if _, err := s.Deliver(b.Context(), d); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	sound(b, s)
}

// openSnapshot holds a snapshot until the test ends.
func openSnapshot(b testing.TB, url string) {
	b.Helper()
	c, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close(b.Context()) })
	if _, err := c.Exec(b.Context(), "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM accounts"); err != nil {
		b.Fatal(err)
	}
}
