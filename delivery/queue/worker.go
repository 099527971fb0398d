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
		ok := w.fill(ctx, sending, &runs)
		w.rest(ctx, ok)
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

// fill leases and starts runs until all connections are in use or nothing is
// due. It gives false when the store could not be asked.
func (w *Worker) fill(ctx, sending context.Context, runs *sync.WaitGroup) bool {
	for ctx.Err() == nil && w.unsettled.Load() == 0 && w.hasRoom() {
		leased, err := w.cfg.Store.LeaseDue(ctx, mail.LeaseArgs{PerDomain: w.cfg.Batch, BusyDomains: w.busy(), For: w.cfg.Lease})
		if err != nil {
			if ctx.Err() == nil {
				w.cfg.Log.WarnContext(ctx, "the queue cannot be read now", "error", err)
			}
			return false
		}
		if len(leased) == 0 {
			return true
		}
		for _, batch := range byDomain(leased) {
			r := w.newRun(ctx, sending, batch)
			runs.Go(r.work)
		}
	}
	return true
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
func (w *Worker) rest(ctx context.Context, ok bool) {
	wait := w.cfg.Poll
	if !ok {
		wait = min(wait, time.Second)
	} else if next, err := w.cfg.Store.NextDue(ctx); err == nil && !next.IsZero() {
		// What is due but held back by a limit is freed by an event.
		wait = min(wait, max(next.Sub(w.cfg.Now()), 250*time.Millisecond))
	}
	if w.unsettled.Load() > 0 || !w.hasRoom() {
		wait = w.cfg.Poll
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-w.freed:
	case <-w.cfg.Store.QueueWake():
	}
}
