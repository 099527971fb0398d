package queue

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"postroom/internal/mail"
)

// Worker works the queue of one node. Any number of nodes may.
type Worker struct {
	cfg       Config
	slots     chan struct{} // one per connection
	freed     chan struct{} // a run ended
	port      portWatch
	pool      *pool
	settler   settler
	providers providers
	// unsettled counts the outcomes that could not be written yet: while there
	// are any, nothing new is leased.
	unsettled atomic.Int64

	mu     sync.Mutex
	active int              // runs, waiting ones included
	dests  map[string]*dest // by domain
}

// dest is what the worker remembers about a destination with runs, or one
// that could not be reached lately.
type dest struct {
	runs      int
	downUntil time.Time
}

// New makes a Worker.
func New(cfg Config) *Worker {
	cfg = cfg.orDefaults()
	var interval time.Duration
	if cfg.Rate > 0 {
		interval = time.Minute / time.Duration(cfg.Rate)
	}
	return &Worker{cfg: cfg, settler: settler{store: cfg.Store}, providers: providers{interval: interval}, slots: make(chan struct{}, cfg.Connections), freed: make(chan struct{}, 1),
		port: portWatch{suspect: map[string]time.Time{}, stale: true}, dests: map[string]*dest{},
		pool: &pool{keepFor: cfg.KeepIdle, max: cfg.Connections, idle: map[string][]*idle{}}}
}

// Run works until ctx ends; then running transactions get Config.Drain to
// finish, and what was not begun is given back. It returns when all is settled
// or that time is over, whose leases then run out.
func (w *Worker) Run(ctx context.Context) {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		t := time.AfterFunc(w.cfg.Drain, stop)
		context.AfterFunc(sending, func() { t.Stop() })
	})()
	w.releaseOrphans(ctx)
	var runs sync.WaitGroup
	for ctx.Err() == nil {
		w.rest(ctx, w.fill(ctx, sending, &runs))
	}
	runs.Wait()
	w.pool.close()
}

func (w *Worker) releaseOrphans(ctx context.Context) {
	if w.cfg.ReleaseOrphans == nil {
		return
	}
	n, err := w.cfg.ReleaseOrphans(ctx)
	if err != nil {
		w.cfg.Log.WarnContext(ctx, "leases of an earlier process stay until they run out", "error", err)
	} else if n > 0 {
		w.cfg.Log.InfoContext(ctx, "leases of an earlier process released", "entries", n)
	}
}

// filled tells how a look at the queue ended.
type filled int

const (
	unread  filled = iota // the store could not be asked
	all                   // what is due is taken
	limited               // what is due may wait for a run to end
)

// fill leases and starts runs until all connections are in use or nothing is
// due.
func (w *Worker) fill(ctx, sending context.Context, runs *sync.WaitGroup) filled {
	for ctx.Err() == nil && w.unsettled.Load() == 0 && w.hasRoom() {
		busy := w.busy()
		leased, err := w.cfg.Store.LeaseDue(sending, mail.LeaseArgs{Max: leaseMax, PerDomain: w.cfg.Batch, BusyDomains: busy, For: w.cfg.Lease})
		if err != nil {
			if ctx.Err() == nil {
				w.cfg.Log.WarnContext(ctx, "the queue cannot be read now", "error", err)
			}
			return unread
		}
		batches := byDomain(leased)
		for _, batch := range batches {
			r := w.newRun(ctx, sending, batch)
			runs.Go(r.work)
		}
		if !w.hasMore(batches) {
			if len(busy) > 0 {
				return limited
			}
			return all
		}
	}
	return limited
}

// leaseMax is how many entries are leased at once.
const leaseMax = 100

// hasMore tells whether a lease was as large as it may be, all in all or for
// one destination: then there may be more that is due.
func (w *Worker) hasMore(batches [][]mail.LeasedMessage) bool {
	total := 0
	for _, b := range batches {
		n := entries(b)
		if n >= w.cfg.Batch {
			return true
		}
		total += n
	}
	return total >= leaseMax
}

func entries(batch []mail.LeasedMessage) (n int) {
	for _, m := range batch {
		n += len(m.Entries)
	}
	return n
}

// byDomain keeps the order of what was due first.
func byDomain(leased []mail.LeasedMessage) [][]mail.LeasedMessage {
	var out [][]mail.LeasedMessage
	at := map[string]int{}
	for _, m := range leased {
		d := m.Entries[0].Domain
		i, ok := at[d]
		if !ok {
			i = len(out)
			at[d] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], m)
	}
	return out
}

func (w *Worker) hasRoom() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.active < w.cfg.Connections
}

// busy lists the destinations that take no more for now.
func (w *Worker) busy() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	var out []string
	for name, d := range w.dests {
		switch {
		case d.runs >= w.cfg.PerDestination || now.Before(d.downUntil):
			out = append(out, name)
		case d.runs == 0:
			delete(w.dests, name)
		}
	}
	slices.Sort(out)
	return out
}

func (w *Worker) begin(domain string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active++
	d := w.dests[domain]
	if d == nil {
		d = &dest{}
		w.dests[domain] = d
	}
	d.runs++
}

func (w *Worker) end(domain string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active--
	w.dests[domain].runs--
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// down leaves a destination alone for a little while: what is queued for it
// meanwhile would only wait for the same time-outs.
func (w *Worker) down(domain string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dests[domain].downUntil = w.cfg.Now().Add(w.cfg.DownFor)
}

// rest waits until something may be due.
func (w *Worker) rest(ctx context.Context, last filled) {
	for again := true; again; {
		t := time.NewTimer(w.untilDue(ctx, last))
		select {
		case <-ctx.Done():
			again = false
		case <-t.C:
			again = false
		case <-w.cfg.Store.QueueWake():
			again = false
		case <-w.freed:
			// Where nothing waited for a run to end, only what it gave back
			// counts: it has its time.
			again = last == all
		}
		t.Stop()
	}
}

func (w *Worker) untilDue(ctx context.Context, last filled) time.Duration {
	switch {
	case w.unsettled.Load() > 0 || !w.hasRoom():
		return w.cfg.Poll
	case last == unread:
		return min(w.cfg.Poll, time.Second)
	}
	next, err := w.cfg.Store.NextDue(ctx)
	if err != nil || next.IsZero() {
		return w.cfg.Poll
	}
	// What is due but held back by a limit is freed by an event.
	return min(w.cfg.Poll, max(next.Sub(w.cfg.Now()), 250*time.Millisecond))
}
