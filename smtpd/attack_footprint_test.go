package smtpd

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// footprint is what the process holds when nobody is connected.
type footprint struct {
	heap              uint64 // octets, after garbage collection
	goroutines, files int
	spooled           int64
}

func (s *siege) footprint() footprint {
	s.t.Helper()
	var f footprint
	for _, target := range s.targets {
		waitFor(s.t, "all connections are gone", func() bool { return target.gate.Open() == 0 })
		target.backend.forgetAll()
		if sp := target.backend.spool; sp != nil {
			f.spooled += sp.InFiles()
		}
	}
	f.goroutines = settled(runtime.NumGoroutine)
	f.files = settled(func() int { return openFiles(s.t) })
	runtime.GC()
	runtime.GC() // pools let go in the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.heap = m.HeapAlloc
	return f
}

// settled gives the number once it has not fallen for a while.
func settled(number func() int) int {
	least := number()
	for quiet := 0; quiet < 50; quiet++ {
		time.Sleep(time.Millisecond)
		if n := number(); n < least {
			least, quiet = n, 0
		}
	}
	return least
}

func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// measure notes the most that the heap had.
func (s *siege) measure() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.peak = max(s.peak, m.HeapAlloc)
}
