package auth

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"postroom/internal/lru"
	"postroom/internal/mail"
	"postroom/internal/ratelimit"
)

// Throttle settings. A client network may guess 10 times freely, an account be
// guessed at 5 times by strangers; then tries wait 1, 2, 4 … seconds for each
// other. Who would wait longer than maxWait is turned away at once.
var (
	networkPolicy = ratelimit.Policy{Free: 10, First: time.Second, Max: 2 * time.Minute, Forget: time.Hour, Keys: 1 << 15}
	accountPolicy = ratelimit.Policy{Free: 5, First: time.Second, Max: 8 * time.Second, Forget: time.Hour, Keys: 1 << 15}
)

const (
	maxWait = 10 * time.Second
	// knownMost is what others' failures in its network cost an account that is
	// at home there: neighbours behind one carrier's addresses are many.
	knownMost  = 2 * time.Second
	knownPairs = 1 << 14
	knownDays  = 30
	knownFor   = knownDays * 24 * time.Hour
)

// throttle holds tries back before anything costly runs. An account is judged
// apart in a network from which it has logged in lately: a botnet that guesses
// elsewhere cannot lock people out of where they work. A Ledger, where there
// is one, makes the counts those of all servers.
type throttle struct {
	networks *ratelimit.Backoff
	accounts *ratelimit.Backoff
	exempt   func(netip.Addr) bool
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error

	mu        sync.Mutex
	known     *lru.Map[string, time.Time] // pairs, until when
	strangers *lru.Map[string, time.Time] // tries that the store has called strange, until when that is believed
}

func newThrottle(c Config) *throttle {
	return &throttle{
		networks: ratelimit.NewBackoff(networkPolicy, c.Now),
		accounts: ratelimit.NewBackoff(accountPolicy, c.Now),
		exempt:   c.ExemptPeer, now: c.Now, sleep: c.Sleep,
		known: lru.New[string, time.Time](knownPairs), strangers: lru.New[string, time.Time](knownPairs),
	}
}

// Network is the unit that shares a fate: an IPv4 /24, or an IPv6 /64, which
// is what one customer gets at least.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// try is what an attempt is judged by.
type try struct {
	peer    netip.Addr
	network netip.Prefix
	login   string         // the address as a key; of nobody's, the network
	account mail.AccountID // 0 as long as it is not known, and nobody's
}

// key names the account; a login that is nobody's has one of its own, so that
// it is held back as anybody's.
func (k try) key() string {
	if k.account != 0 {
		return "#" + strconv.FormatInt(int64(k.account), 10)
	}
	return k.login
}

func (k try) pair() string { return k.network.String() + " " + k.key() }

// guess names the network and the login, before the account is known.
func (k try) guess() string { return k.network.String() + " " + k.login }

// hopeless tells, without asking anybody, an attempt that would be turned
// away: a flood costs no look-up.
func (t *throttle) hopeless(k try) bool {
	if t.exempted(k) || t.networks.Wait(k.network.String()) <= maxWait {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.strangers.Get(k.guess())
	return ok && t.now().Before(until)
}

func (t *throttle) exempted(k try) bool { return t.exempt != nil && t.exempt(k.peer) }

// wait holds the attempt back, and tells for how long; ok false means that it
// is turned away.
func (t *throttle) wait(ctx context.Context, k try) (waited time.Duration, ok bool, err error) {
	known := t.isKnown(k)
	var network time.Duration
	switch key := k.network.String(); {
	case t.exempted(k):
	case known:
		network = min(t.networks.Wait(key), knownMost)
	default:
		if network, ok = t.networks.Reserve(maxWait, key); !ok {
			return 0, false, nil
		}
	}
	account, ok := t.accounts.Reserve(maxWait, t.accountKey(k, known))
	if !ok {
		return 0, false, nil
	}
	if waited = max(network, account); waited > 0 {
		err = t.sleep(ctx, waited)
	}
	return waited, true, err
}

func (t *throttle) accountKey(k try, known bool) string {
	if known {
		return k.pair()
	}
	return k.key()
}

func (t *throttle) isKnown(k try) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.known.Get(k.pair())
	return ok && t.now().Before(until)
}

// fail counts a failure, and gives the counters that all servers share. An
// account that does not exist is counted here only: there is nobody to protect,
// and rows of made-up names would have no end.
func (t *throttle) fail(k try) (shared []mail.LoginCounter) {
	known := t.isKnown(k)
	if !t.exempted(k) {
		t.networks.Fail(k.network.String())
		shared = append(shared, mail.LoginCounter{Network: k.network})
	}
	t.accounts.Fail(t.accountKey(k, known))
	switch {
	case k.account == 0:
	case known:
		shared = append(shared, mail.LoginCounter{Account: k.account, Network: k.network})
	default:
		shared = append(shared, mail.LoginCounter{Account: k.account, Network: mail.AnyNetwork})
	}
	return shared
}

// succeed forgives the pair only: a network that owns one account must not
// buy free guesses at others with it. It tells whether there was anything to
// forgive.
func (t *throttle) succeed(k try) bool {
	t.know(k, knownFor)
	return t.accounts.Forgive(k.pair())
}

func (t *throttle) know(k try, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known.Put(k.pair(), t.now().Add(d))
}

// strange notes that an attempt comes from where its account is not known.
func (t *throttle) strange(k try) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.strangers.Put(k.guess(), t.now().Add(maxWait))
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
