package store

import (
	"context"
	"errors"
	"time"

	"postroom/internal/mail"
)

// groupTimeout bounds one attempt to write a group. A large message on a slow
// disk takes longest.
const groupTimeout = 90 * time.Second

// partial says that a group was rolled back because of some of its units. The
// others are to be tried again without them.
type partial struct {
	refused map[*unit]error
	held    map[*unit]mailboxKey
}

func (*partial) Error() string { return "some units of the group cannot be written" }

var errDuplicate = errors.New("accepted before")

// write decides every unit of a group: it is written, refused or diverted.
// There are no savepoints: a group that fails is rolled back and tried again
// without the members known to be at fault, or each member alone.
func (l *lanes) write(units []*unit, wait bool) {
	for try := 1; len(units) > 0; try++ {
		err := l.attempt(units, wait)
		var p *partial
		switch {
		case err == nil:
			l.written(units)
			return
		case errors.As(err, &p):
			units = l.without(units, p)
			try = 0
		case try < txTries && repeatable(err), try == 1 && connectionLost(err):
			// Nothing was committed. A connection may have died idle in the pool.
		case len(units) == 1 || temporary(err):
			for _, u := range units {
				u.done <- dbError(err)
			}
			return
		default:
			l.s.log.Warn("delivery group failed, trying each alone", "size", len(units), "error", err)
			for _, u := range units {
				l.write([]*unit{u}, wait)
			}
			return
		}
	}
}

// temporary tells errors that every member alone would meet again.
func temporary(err error) bool {
	c := codeOf(err)
	return c == mail.CodeUnavailable || c == mail.CodeStorageFull
}

// written answers the callers and tells sessions, other nodes and the queue.
func (l *lanes) written(units []*unit) {
	queued := false
	changed := map[mailboxKey]mail.ModSeq{}
	for _, u := range units {
		for _, f := range u.filed {
			changed[f.mailboxKey] = f.modseq
		}
		queued = queued || u.queue != nil && !u.queue.out.Held
	}
	for k, m := range changed {
		l.s.hub.changed(watchKey(k), m)
	}
	if queued {
		l.s.queueWake()
	}
	// Last: whoever was told of a 250 finds the message at its next NOOP.
	for _, u := range units {
		u.done <- nil
	}
}

// without answers or diverts the units that p names and gives the rest.
func (l *lanes) without(units []*unit, p *partial) []*unit {
	var rest []*unit
	for _, u := range units {
		if k, held := p.held[u]; held {
			l.divert(u, k)
			continue
		}
		err, refused := p.refused[u]
		switch {
		case !refused:
			rest = append(rest, u)
		case err == errDuplicate:
			u.done <- nil
		default:
			u.done <- err
		}
	}
	return rest
}

// attempt writes the units in one transaction. Unless it returns nil, nothing
// is committed.
func (l *lanes) attempt(units []*unit, wait bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	c, err := l.s.deliver.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	g := newGroup(units, wait)
	if err := g.fill(ctx, c.Conn()); err != nil {
		rollback(c.Conn())
		if err == errDuplicate {
			return l.s.findDuplicates(ctx, units)
		}
		return err
	}
	l.s.hook("deliver:before-commit")
	if err := commit(ctx, c.Conn()); err != nil {
		if err = l.s.afterLostCommit(err, g.xid, units[0]); err != nil {
			return err
		}
	}
	l.s.hook("deliver:after-commit")
	g.place()
	return nil
}
