package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// deliverTx writes deliveries within a transaction of the caller, for what must
// happen together with them: a settled queue entry and its DSN. Quotas are not
// asked. It takes mailbox locks, so it belongs at the transaction's end. The
// caller runs committed after the commit: it wakes sessions and the queue.
func (s *Store) deliverTx(ctx context.Context, tx pgx.Tx, ds []*mail.Delivery) (committed func(), err error) {
	if len(ds) == 0 {
		return func() {}, nil
	}
	var units []*unit
	for _, d := range ds {
		u, err := s.deliveryUnit(ctx, d)
		if err != nil {
			return nil, err
		}
		u.accepted, u.ignore, u.done = nil, true, make(chan error, 1)
		units = append(units, u)
	}
	g := newGroup(units, true)
	if err := g.streamBlobs(ctx, tx); err != nil {
		return nil, dbError(err)
	}
	g.queueRows()
	if err := g.send(ctx, tx); err != nil {
		return nil, dbError(err)
	}
	if err := g.judge(); err != nil {
		return nil, firstRefusal(err)
	}
	g.place()
	return func() { s.lane.written(units) }, nil
}

// firstRefusal picks one unit's error out of a partial failure.
func firstRefusal(err error) error {
	if p, ok := err.(*partial); ok {
		for _, e := range p.refused {
			return e
		}
	}
	return err
}
