package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"postroom/internal/listen"
	"postroom/internal/lru"
)

// tarpit delays replies to clients that make many errors, the longer the more
// they made, on this connection or on those before. It takes no goroutine and
// no memory but a bounded list of addresses; when too many are delayed at once,
// further ones are not, and the limits on errors hold alone.
type tarpit struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	clients *lru.Map[netip.Prefix, *misses]
	held    int
}

// misses is what a client's connections did of late.
type misses struct {
	n    int // replies of 5xx
	last time.Time
}

const (
	tarpitClients = 10_000
	tarpitForgets = time.Hour // after the last error
	tarpitStep    = 3         // errors until the delay doubles
)

func newTarpit(l Limits) *tarpit {
	return &tarpit{limits: l, now: time.Now, clients: lru.New[netip.Prefix, *misses](tarpitClients)}
}

// miss counts an error and gives how long its reply is to wait. Who logged in
// is never delayed, and who may be anybody is not known again.
func (t *tarpit) miss(w *wire, code int) time.Duration {
	if w.peer.Authenticated() {
		return 0
	}
	n := w.counts.errors
	if code >= 500 && !w.srv.unlimited(w.peer.Peer.Addr()) {
		n = max(n, t.remember(w.peer.Peer.Addr()))
	}
	n -= t.limits.SoftErrors
	if n <= 0 {
		return 0
	}
	d := t.limits.ErrorDelay
	for n -= tarpitStep; n > 0 && d < t.limits.ErrorDelayMax; n -= tarpitStep {
		d *= 2
	}
	return min(d, t.limits.ErrorDelayMax)
}

func (t *tarpit) remember(a netip.Addr) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	key, now := listen.ClientNetwork(a), t.now()
	m, ok := t.clients.Get(key)
	if !ok || now.Sub(m.last) > tarpitForgets {
		m = &misses{}
		t.clients.Put(key, m)
	}
	m.n, m.last = m.n+1, now
	return m.n
}

// forgive halves what is remembered of a client whose message was taken.
func (t *tarpit) forgive(a netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok := t.clients.Get(listen.ClientNetwork(a)); ok {
		m.n /= 2
	}
}

// hold delays a connection, unless too many are.
func (t *tarpit) hold(w *wire, d time.Duration) {
	if d <= 0 || !t.take() {
		return
	}
	defer t.give()
	w.srv.sleep(w.ctx, d)
}

func (t *tarpit) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held >= t.limits.Delayed {
		return false
	}
	t.held++
	return true
}

func (t *tarpit) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held--
}
