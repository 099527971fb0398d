package delivery

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"postroom/internal/iprev"
	"postroom/internal/lru"
)

// peerFacts is what the DNS says of a peer.
type peerFacts struct {
	reverse iprev.Result // zero: not asked
	blocked []Listing
	allowed []Listing
	broken  bool // something was not answered
}

// peers asks the DNS about each peer once at a time and keeps the answers.
type peers struct {
	mu     sync.Mutex
	looks  *lru.Map[netip.Addr, *peerLook]
	asking int
}

type peerLook struct {
	done  chan struct{} // closed when facts are there
	facts peerFacts
	until time.Time
}

const (
	peersKept   = 10_000
	peersAsking = 500              // at once; who comes then is a suspect
	peerTime    = 20 * time.Second // of one look-up in all
	peerFor     = 10 * time.Minute // the answers are kept
	peerBroken  = time.Minute      // when something was not answered
)

func newPeers() *peers { return &peers{looks: lru.New[netip.Addr, *peerLook](peersKept)} }

// lookAt begins to ask about a peer, unless that is done already; nil when there
// is nothing to ask.
func (d *Delivery) lookAt(a netip.Addr) *peerLook {
	a = a.Unmap().WithZone("")
	r := d.cfg.Receiving
	if d.unknowable(a) || r.Reverse == nil && r.Blocked == nil && r.Allowed == nil {
		return nil
	}
	now := d.cfg.Now()
	p := d.peers
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.looks.Get(a); ok && (l.until.IsZero() || now.Before(l.until)) {
		return l
	}
	l := &peerLook{done: make(chan struct{})}
	if p.asking >= peersAsking {
		l.facts.broken = true
		close(l.done)
		return l
	}
	p.asking++
	p.looks.Put(a, l)
	go d.ask(a, l)
	return l
}

// ask fills a look. The lists are asked beside each other; a failure stands in
// the facts.
func (d *Delivery) ask(a netip.Addr, l *peerLook) {
	ctx, cancel := context.WithTimeout(context.Background(), peerTime)
	defer cancel()
	var f peerFacts
	var wg sync.WaitGroup
	var errs [2]error
	for i, x := range []struct {
		lists Blocklists
		to    *[]Listing
	}{{d.cfg.Receiving.Blocked, &f.blocked}, {d.cfg.Receiving.Allowed, &f.allowed}} {
		if x.lists != nil {
			wg.Go(func() { *x.to, errs[i] = x.lists.Check(ctx, a) })
		}
	}
	if d.cfg.Receiving.Reverse != nil {
		f.reverse = d.cfg.Receiving.Reverse(ctx, a)
	}
	wg.Wait()
	f.broken = errs[0] != nil || f.reverse.Status == iprev.TempError
	keep := peerFor
	if f.broken {
		keep = peerBroken
	}
	d.peers.mu.Lock()
	l.facts, l.until = f, d.cfg.Now().Add(keep)
	d.peers.asking--
	d.peers.mu.Unlock()
	close(l.done)
}

// peer gives what the DNS says of a peer. What is not answered in time makes a
// suspect of it, and nothing worse.
func (d *Delivery) peer(ctx context.Context, a netip.Addr) (peerFacts, error) {
	l := d.lookAt(a)
	if l == nil {
		return peerFacts{}, nil
	}
	wait := d.cfg.Receiving.DNSWait
	if wait == 0 {
		wait = 5 * time.Second
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-l.done:
		return l.facts, nil
	case <-late.C:
		return peerFacts{broken: true}, nil
	case <-ctx.Done():
		return peerFacts{}, ctx.Err()
	}
}
