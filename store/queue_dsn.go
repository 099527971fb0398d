package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sendDSNs writes the DSNs, last of all since that locks mailboxes: together
// when they can be, else one by one, so that one which nobody can get any more
// (its account is gone) keeps no settlement from being written.
func (w *settleWork) sendDSNs(ctx context.Context, tx pgx.Tx, s *Store) error {
	if len(w.send) == 0 {
		return nil
	}
	if err := w.markDelayed(ctx, tx); err != nil {
		return err
	}
	err := w.deliver(ctx, tx, s, w.send)
	if err == nil {
		return s.writeEvents(ctx, tx, w.dsnEvents(w.send, "queue id "))
	}
	if !undeliverable(err) {
		return err
	}
	for i := range w.send {
		note := "queue id "
		err := w.deliver(ctx, tx, s, w.send[i:i+1])
		if err != nil && !undeliverable(err) {
			return err
		}
		if err != nil {
			note = "its target is gone; dropped "
		}
		if err := s.writeEvents(ctx, tx, w.dsnEvents(w.send[i:i+1], note)); err != nil {
			return err
		}
	}
	return nil
}

func undeliverable(err error) bool {
	return mail.Is(err, mail.CodeNotFound) || mail.Is(err, mail.CodeNoSuchUser)
}

// deliver writes DSNs within a savepoint.
func (w *settleWork) deliver(ctx context.Context, tx pgx.Tx, s *Store, places []int) error {
	ds := make([]*mail.Delivery, len(places))
	for i, p := range places {
		ds[i] = w.dsns[p].Delivery
	}
	return pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
		committed, err := s.deliverTx(ctx, inner, ds)
		if err != nil {
			return err
		}
		before := w.committed
		w.committed = func() { before(); committed() }
		return nil
	})
}

// dsnEvents tells the timeline of the reported messages that a DSN went out,
// and under which queue id it can be followed.
func (w *settleWork) dsnEvents(places []int, note string) []mail.Event {
	var events []mail.Event
	for _, p := range places {
		d := w.dsns[p]
		for _, id := range d.Entries {
			e := w.held[id]
			events = append(events, mail.Event{Trace: e.message, Kind: mail.EventDSN, Account: e.account, Recipient: e.recipient,
				Text: string(d.Kind) + ", " + note + d.Delivery.Trace.String()})
		}
	}
	return events
}

// markDelayed notes the delay DSNs that go out, so that an entry gets one only.
func (w *settleWork) markDelayed(ctx context.Context, tx pgx.Tx) error {
	var ids []int64
	for _, i := range w.send {
		if w.dsns[i].Kind == mail.DSNDelay {
			for _, e := range w.dsns[i].Entries {
				ids = append(ids, int64(e))
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE queue_entries SET delay_dsn_at = now() WHERE id = ANY($1)`, ids)
	return err
}
