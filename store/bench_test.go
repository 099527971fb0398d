package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"postroom/store/storetest"
)

func BenchmarkDeliver(b *testing.B) {
	for _, mailboxes := range []int{100, 1} {
		b.Run(fmt.Sprintf("mailboxes=%d", mailboxes), func(b *testing.B) {
			s := storetest.New(b)
			as := accounts(b, s, mailboxes)
			text := body(4096)
			var n atomic.Int64
			b.SetParallelism(16) // 32 goroutines on two cores
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					d := storetest.Delivery(text, as[int(n.Add(1))%len(as)])
					d.Fingerprint = []byte(fmt.Sprintf("%032d", n.Load()))
					if _, err := s.Deliver(b.Context(), d); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
			sound(b, s)
		})
	}
}
