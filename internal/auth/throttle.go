package auth

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"postroom/internal/lru"
	"postroom/internal/ratelimit"
)

// Throttle settings. A client network may guess 5 times freely, an account be
// guessed at 5 times by strangers; then tries wait 1, 2, 4 … seconds for each
// other. Who would wait longer than MaxWait is turned away at once.
var (
	peerPolicy    = ratelimit.Policy{Free: 5, First: time.Second, Max: 2 * time.Minute, Forget: time.Hour, Keys: 1 << 15}
	accountPolicy = ratelimit.Policy{Free: 5, First: time.Second, Max: 8 * time.Second, Forget: time.Hour, Keys: 1 << 15}
)

const (
	maxWait    = 10 * time.Second
	knownPairs = 1 << 14
	knownFor   = 7 * 24 * time.Hour
)

// throttle holds tries back before anything costly runs. A network from which
// the account has logged in lately is judged apart from both the network's
// and the account's failures: a neighbour's stale password, or a botnet that
// guesses, cannot lock people out of where they work.
type throttle struct {
	peers    *ratelimit.Backoff
	accounts *ratelimit.Backoff
	exempt   func(netip.Addr) bool
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error

	mu    sync.Mutex
	known *lru.Map[string, time.Time]
}

func newThrottle(c Config) *throttle {
	return &throttle{
		peers:    ratelimit.NewBackoff(peerPolicy, c.Now),
		accounts: ratelimit.NewBackoff(accountPolicy, c.Now),
		exempt:   c.ExemptPeer, now: c.Now, sleep: c.Sleep,
		known: lru.New[string, time.Time](knownPairs),
	}
}

// try is one attempt's keys.
type try struct{ peer, account, pair string }

func newTry(peer netip.Addr, login string) try {
	p := network(peer)
	return try{peer: p, account: login, pair: p + " " + login}
}

// network is the unit that shares a fate: an IPv4 address, or an IPv6 /64,
// which is what one customer gets at least.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p.String()
	}
	return a.String()
}

// wait holds the attempt back; false means that it is turned away.
func (t *throttle) wait(ctx context.Context, k try, peer netip.Addr) (bool, error) {
	var peerWait, accountWait time.Duration
	var ok bool
	peerKeys, accountKeys := t.keys(k, peer)
	if peerWait, ok = t.peers.Reserve(maxWait, peerKeys...); !ok {
		return false, nil
	}
	if accountWait, ok = t.accounts.Reserve(maxWait, accountKeys...); !ok {
		return false, nil
	}
	if d := max(peerWait, accountWait); d > 0 {
		return true, t.sleep(ctx, d)
	}
	return true, nil
}

// keys gives the keys in the two Backoffs that this attempt is judged by.
func (t *throttle) keys(k try, peer netip.Addr) (peers, accounts []string) {
	t.mu.Lock()
	until, known := t.known.Get(k.pair)
	t.mu.Unlock()
	switch {
	case known && t.now().Before(until):
		return nil, []string{k.pair}
	case t.exempt != nil && t.exempt(peer):
		return nil, []string{k.account}
	}
	return []string{k.peer}, []string{k.account}
}

func (t *throttle) fail(k try, peer netip.Addr) {
	peers, accounts := t.keys(k, peer)
	t.peers.Fail(peers...)
	t.accounts.Fail(accounts...)
}

// succeed forgives the pair only: a network that owns one account must not
// buy free guesses at others with it.
func (t *throttle) succeed(k try) {
	t.mu.Lock()
	t.known.Put(k.pair, t.now().Add(knownFor))
	t.mu.Unlock()
	t.accounts.Forgive(k.pair)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
