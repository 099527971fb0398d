package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// giveBackFrom is how much has to be allocated before it is worth a collection.
	giveBackFrom = 8 << 20
	// giveBackEvery is the least time between two.
	giveBackEvery = 10 * time.Second
	lookEvery     = time.Second
	// giveBackFree is how much freed memory is worth to be given back.
	giveBackFree = 4 << 20
	// quietBelow is what a server allocates in lookEvery that has nothing to do.
	quietBelow = 1 << 20
)

// lull finds the moment to give memory back: a burst of log-ins (19 MiB a hash)
// or of TLS handshakes is over, and nothing would start a collection for
// minutes. A server that is always busy does not find one.
type lull struct {
	last, given uint64 // octets allocated since the start, at the last look and when last given back
	at          time.Time
}

// found tells whether this is one, by the octets allocated since the start, those
// in use, and those that the process keeps and does not use.
func (l *lull) found(now time.Time, allocated, live, free uint64) bool {
	quiet := allocated-l.last < quietBelow
	l.last = allocated
	much := allocated-l.given >= max(giveBackFrom, live/4) || free >= max(giveBackFree, live/4)
	if !quiet || !much || now.Sub(l.at) < giveBackEvery {
		return false
	}
	l.given, l.at = allocated, now
	return true
}

// giveBack returns memory to the system in each lull until ctx ends.
func giveBack(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}}
	var l lull
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			metrics.Read(samples)
			if l.found(now, samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()) {
				debug.FreeOSMemory()
			}
		}
	}
}
