package delivery

import (
	"sync"
	"time"

	"postroom/internal/mail"
)

// pacedAhead is how far in the future paced mail may be due: it must leave time
// for retries within the queue's lifetime, and its sender should not be
// surprised by it next week.
const pacedAhead = 24 * time.Hour

// pacer gives submissions of one account places one behind the other. The
// store remembers the last place (sent_hours.paced_until); this is for those
// that arrive before it has the one before.
type pacer struct {
	mu   sync.Mutex
	last map[mail.AccountID]time.Time
}

// place gives how long after now the account's line is free, and takes the next
// part of it. stored is how long it is by the store. false: it is too long.
func (p *pacer) place(id mail.AccountID, now time.Time, stored, takes time.Duration) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := now.Add(stored)
	if last := p.last[id]; last.After(free) {
		free = last
	}
	end := free.Add(takes)
	if end.Sub(now) > pacedAhead {
		return 0, false
	}
	if p.last == nil {
		p.last = map[mail.AccountID]time.Time{}
	}
	for other, last := range p.last { // as many as pace just now
		if last.Before(now) {
			delete(p.last, other)
		}
	}
	p.last[id] = end
	return free.Sub(now), true
}
