package queue

import (
	"sync"
	"time"

	"postroom/delivery/relay"
)

// pool keeps good connections for a moment after their work: mail for one
// destination comes in bursts, and a connection costs more than a message.
type pool struct {
	keepFor time.Duration
	max     int

	mu     sync.Mutex
	idle   map[string][]*idle
	n      int
	closed bool
	quits  sync.WaitGroup
}

// idle is a session that waits for more work.
type idle struct {
	session *relay.Session
	plan    relay.Plan
	sent    int
	timer   *time.Timer
}

// put keeps a session, or ends it when there are too many.
func (p *pool) put(domain string, s *relay.Session, plan relay.Plan, sent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.n >= p.max {
		p.quits.Go(s.Close)
		return
	}
	i := &idle{session: s, plan: plan, sent: sent}
	i.timer = time.AfterFunc(p.keepFor, func() { p.expire(domain, i) })
	p.idle[domain] = append(p.idle[domain], i)
	p.n++
}

// take gives the session that was used last; nil when there is none.
func (p *pool) take(domain string) *idle {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[domain]
	if len(list) == 0 {
		return nil
	}
	i := list[len(list)-1]
	p.remove(domain, i)
	i.timer.Stop()
	return i
}

// remove takes i out, if it is still there; the caller has the lock.
func (p *pool) remove(domain string, i *idle) bool {
	list := p.idle[domain]
	for k, have := range list {
		if have == i {
			p.idle[domain] = append(list[:k:k], list[k+1:]...)
			if len(p.idle[domain]) == 0 {
				delete(p.idle, domain)
			}
			p.n--
			return true
		}
	}
	return false
}

func (p *pool) expire(domain string, i *idle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remove(domain, i) {
		p.quits.Go(i.session.Close)
	}
}

// close ends all sessions with QUIT, and those that come later too.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, list := range p.idle {
		for _, i := range list {
			i.timer.Stop()
			p.quits.Go(i.session.Close)
		}
	}
	clear(p.idle)
	p.n = 0
	p.mu.Unlock()
	p.quits.Wait()
}
