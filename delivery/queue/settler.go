package queue

import (
	"context"
	"sync"

	"postroom/internal/mail"
)

// maxSettled bounds the outcomes of one transaction.
const maxSettled = 200

// settler writes outcomes that arrive together together: one transaction and
// one disk flush then serve many runs. It never waits for more: what comes
// while a transaction is under way makes the next.
type settler struct {
	store Store

	mu      sync.Mutex
	writing bool
	waiting []*outcomes
}

// outcomes are what one run has to settle.
type outcomes struct {
	settlements []mail.Settlement
	results     []mail.SettleResult
	err         error
	done        chan struct{} // closed when results and err say how it went
	lead        chan struct{} // closed when this caller is to write the next group
}

// settle is Store.Settle without DSNs. Its callers' contexts end at one time,
// the worker's: whoever leads uses its own.
func (s *settler) settle(ctx context.Context, settlements []mail.Settlement) ([]mail.SettleResult, error) {
	o := &outcomes{settlements: settlements, done: make(chan struct{}), lead: make(chan struct{})}
	s.join(o)
	select {
	case <-o.done:
	case <-o.lead:
		s.write(ctx, s.group())
		s.passOn()
	}
	return o.results, o.err
}

// join puts o behind those that wait; it leads when nobody is writing.
func (s *settler) join(o *outcomes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, o)
	if !s.writing {
		s.writing = true
		close(o.lead)
	}
}

// group takes what waits, the leader first.
func (s *settler) group() []*outcomes {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.waiting) && (n == 0 || size+len(s.waiting[n].settlements) <= maxSettled) {
		size += len(s.waiting[n].settlements)
		n++
	}
	out := s.waiting[:n:n]
	s.waiting = s.waiting[n:]
	return out
}

// passOn makes the first that waits the leader.
func (s *settler) passOn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing = len(s.waiting) > 0; s.writing {
		close(s.waiting[0].lead)
	}
}

// write settles a group. Where the database refuses the whole, each is tried
// alone, so that one that cannot be written keeps no other from it.
func (s *settler) write(ctx context.Context, group []*outcomes) {
	var all []mail.Settlement
	for _, o := range group {
		all = append(all, o.settlements...)
	}
	results, err := s.store.Settle(ctx, all, nil)
	if err != nil && len(group) > 1 && !mail.Is(err, mail.CodeUnavailable) {
		for _, o := range group {
			s.write(ctx, []*outcomes{o})
		}
		return
	}
	for _, o := range group {
		if o.err = err; err == nil {
			o.results, results = results[:len(o.settlements):len(o.settlements)], results[len(o.settlements):]
		}
		close(o.done)
	}
}
