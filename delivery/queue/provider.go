package queue

import (
	"context"
	"strings"
	"sync"
	"time"

	"postroom/delivery/relay"
	"postroom/internal/mail"
)

// How a provider is slowed down: after so many messages in a row that it asked
// to send later, by a pause that doubles with each further one, and halves with
// each message that it takes.
const (
	slowAfter = 3
	pauseMin  = time.Minute
	pauseMax  = 30 * time.Minute
)

// maxProviders bounds what is remembered; beyond, those at rest are forgotten.
const maxProviders = 4096

// providers is what this node remembers about those that take its mail. A
// restart forgets it, and does no harm: three refusals teach it again, and
// meanwhile every refused message has its own wait.
type providers struct {
	interval time.Duration // between two messages to one; 0: none

	mu sync.Mutex
	m  map[string]*provider
}

type provider struct {
	slow  int           // messages in a row that it asked to send later
	pause time.Duration // how long the last pause was, halved since
	until time.Time     // nothing is begun before
	next  time.Time     // by the rate
}

func (p *provider) resting(now time.Time) bool {
	return p.slow == 0 && p.pause == 0 && !now.Before(p.until) && !now.Before(p.next)
}

// turn tells whether a message to a provider may begin now; else, from when.
func (ps *providers) turn(name string, now time.Time) (from time.Time, ok bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(name, now)
	if now.Before(p.until) {
		return p.until, false
	}
	if now.Before(p.next) {
		return p.next, false
	}
	// Without a rate, the clock of another run that asked a moment later says nothing.
	if ps.interval > 0 {
		p.next = now.Add(ps.interval)
	}
	return now, true
}

func (ps *providers) paused(name string, now time.Time) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.m[name]
	return p != nil && now.Before(p.until)
}

func (ps *providers) get(name string, now time.Time) *provider {
	if p := ps.m[name]; p != nil {
		return p
	}
	if ps.m == nil {
		ps.m = map[string]*provider{}
	}
	if len(ps.m) >= maxProviders {
		for n, p := range ps.m {
			if p.resting(now) {
				delete(ps.m, n)
			}
		}
	}
	p := &provider{}
	ps.m[name] = p
	return p
}

// took notes a message that the provider took.
func (ps *providers) took(name string, now time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(name, now)
	p.slow = 0
	if p.pause /= 2; p.pause < pauseMin {
		p.pause = 0
	}
	if p.resting(now) {
		delete(ps.m, name)
	}
}

// refused notes a message that the provider asked to send later, and gives the
// end of the pause that this begins; zero when none does. What was under way
// when a pause began does not make it longer.
func (ps *providers) refused(name string, now time.Time) time.Time {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(name, now)
	if now.Before(p.until) {
		return time.Time{}
	}
	if p.slow++; p.slow < slowAfter {
		return time.Time{}
	}
	p.pause = min(max(2*p.pause, pauseMin), pauseMax)
	p.until = now.Add(p.pause)
	return p.until
}

// asksLater tells a reply by which a provider limits us: 421, or a 4xx for
// reasons of policy (RFC 3463 §3.8).
func asksLater(res relay.Result) bool {
	r := res.Reply
	return res.Outcome == mail.OutcomeDeferred && (r.Code == 421 || r.Code/100 == 4 && strings.HasPrefix(r.Status, "4.7."))
}

// hear notes what a provider said about one message.
func (w *Worker) hear(ctx context.Context, name string, results []relay.Result) {
	var later *relay.Result
	for i := range results {
		if results[i].Outcome == mail.OutcomeDelivered {
			w.providers.took(name, w.cfg.Now())
			return
		}
		if later == nil && asksLater(results[i]) {
			later = &results[i]
		}
	}
	if later == nil {
		return
	}
	if until := w.providers.refused(name, w.cfg.Now()); !until.IsZero() {
		w.cfg.Log.WarnContext(ctx, "provider paused", "proto", "queue", "provider", name, "until", until.UTC(),
			"remote", later.Reply.Remote, "text", later.Reply.Text)
	}
}
