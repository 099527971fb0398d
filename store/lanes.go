package store

import (
	"context"
	"hash/maphash"
	"sync"

	"postroom/internal/mail"
)

const (
	// groupUnits and groupBytes bound what commits together.
	groupUnits = 64
	groupBytes = 8 << 20
	// sideWriters bounds the transactions that wait for held mailboxes,
	// aloneWriters those of large messages.
	sideWriters  = 4
	aloneWriters = 4
)

// lanes decides which goroutine writes a unit. Deliveries that arrive together
// commit together: each committer takes what waits for it and never waits for
// more. An account's units go to one committer, so that committers seldom meet
// at a mailbox. A mailbox that someone else holds gets a
// side lane until that is empty, so that it blocks no neighbours.
type lanes struct {
	s      *Store
	seed   maphash.Seed
	names  *nameCache
	sideOK chan struct{} // slots of side writers
	soloOK chan struct{} // slots of large messages

	mu         sync.Mutex
	closed     bool
	committers []*committer
	side       map[mailboxKey][]*unit // a key is there while its goroutine runs
	wg         sync.WaitGroup         // side goroutines and large messages
}

// committer has what waits for it, oldest first.
type committer struct {
	waiting []*unit
	kick    chan struct{}
	done    chan struct{}
}

func newLanes(s *Store) *lanes {
	l := &lanes{s: s, seed: maphash.MakeSeed(), names: newNameCache(s),
		sideOK: make(chan struct{}, sideWriters), soloOK: make(chan struct{}, aloneWriters),
		side: map[mailboxKey][]*unit{}}
	for range s.cfg.Committers {
		c := &committer{kick: make(chan struct{}, 1), done: make(chan struct{})}
		l.committers = append(l.committers, c)
		go l.commitLoop(c)
	}
	return l
}

var errClosing = mail.Errorf(mail.CodeUnavailable, "shutting down, try again later")

// submit queues a unit and waits until it is written. A caller that gives up
// before a committer took the unit takes it back; after that it must wait,
// for it may be on disk already.
func (l *lanes) submit(ctx context.Context, u *unit) error {
	u.done = make(chan error, 1)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosing
	}
	l.enqueue(u)
	l.mu.Unlock()
	select {
	case err := <-u.done:
		return err
	case <-ctx.Done():
	}
	if l.takeBack(u) {
		return dbError(ctx.Err())
	}
	return <-u.done
}

// enqueue puts the unit where it belongs; the caller holds mu.
func (l *lanes) enqueue(u *unit) {
	for _, k := range u.mailboxes() {
		if q, ok := l.side[k]; ok {
			l.side[k] = append(q, u)
			return
		}
	}
	c := l.committerOf(u)
	c.waiting = append(c.waiting, u)
	poke(c.kick)
}

func (l *lanes) committerOf(u *unit) *committer {
	account := int64(u.trace) // only relayed: any will do
	if len(u.messages) > 0 {
		account = int64(u.messages[0].account)
	}
	return l.committers[maphash.Comparable(l.seed, account)%uint64(len(l.committers))]
}

// takeBack removes a unit that nobody took yet.
func (l *lanes) takeBack(u *unit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.committers {
		if remove(&c.waiting, u) {
			return true
		}
	}
	for k, q := range l.side {
		if remove(&q, u) {
			l.side[k] = q
			return true
		}
	}
	return false
}

func remove(q *[]*unit, u *unit) bool {
	for i := range *q {
		if (*q)[i] == u {
			*q = append((*q)[:i:i], (*q)[i+1:]...)
			return true
		}
	}
	return false
}

// take gives the next group of a queue. Of two units with one fingerprint the
// second waits for the next group, where it is a duplicate.
func take(q *[]*unit) []*unit {
	var group, later []*unit
	prints := map[string]bool{}
	var size int64
	for i, u := range *q {
		if len(group) == groupUnits || len(group) > 0 && size+u.bytes > groupBytes {
			later = append(later, (*q)[i:]...)
			break
		}
		if u.accepted != nil {
			if prints[string(u.accepted)] {
				later = append(later, u)
				continue
			}
			prints[string(u.accepted)] = true
		}
		size += u.bytes
		group = append(group, u)
	}
	*q = later
	return group
}

// commitLoop writes group after group until close.
func (l *lanes) commitLoop(c *committer) {
	defer close(c.done)
	for {
		l.mu.Lock()
		group, closed := take(&c.waiting), l.closed
		l.mu.Unlock()
		switch {
		case len(group) > 0:
			l.write(group, false)
		case closed:
			return
		default:
			<-c.kick
		}
	}
}

// divert sends a unit whose mailbox someone holds to that mailbox's side lane.
func (l *lanes) divert(u *unit, k mailboxKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q, running := l.side[k]
	l.side[k] = append(q, u)
	if !running {
		l.wg.Add(1)
		go l.sideLoop(k)
	}
}

// sideLoop writes what waits for one mailbox, waiting for its lock.
func (l *lanes) sideLoop(k mailboxKey) {
	defer l.wg.Done()
	for {
		l.sideOK <- struct{}{}
		l.mu.Lock()
		q := l.side[k]
		group := take(&q)
		l.side[k] = q
		if len(group) == 0 {
			delete(l.side, k)
		}
		l.mu.Unlock()
		if len(group) > 0 {
			l.write(group, true)
		}
		<-l.sideOK
		if len(group) == 0 {
			return
		}
	}
}

// alone writes a large unit in the caller's goroutine, its chunks streamed.
func (l *lanes) alone(ctx context.Context, u *unit) error {
	select {
	case l.soloOK <- struct{}{}:
	case <-ctx.Done():
		return dbError(ctx.Err())
	}
	defer func() { <-l.soloOK }()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosing
	}
	l.wg.Add(1)
	l.mu.Unlock()
	defer l.wg.Done()
	u.done = make(chan error, 1)
	l.write([]*unit{u}, true)
	return <-u.done
}

// close refuses new units and waits for those that are queued.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	for _, c := range l.committers {
		poke(c.kick)
		<-c.done
	}
	l.wg.Wait()
}
