package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// HoldSending holds all that an account submits from now on, and what of it
// waits in the queue and is not just being sent. first tells that it was not
// held before: of the nodes that notice at once, one reports it.
func (s *Store) HoldSending(ctx context.Context, id mail.AccountID, reason string) (first bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO send_holds AS h (account_id, reason) VALUES ($1, $2)
			ON CONFLICT (account_id) DO UPDATE SET reason = excluded.reason, held_at = now(), resumed_at = NULL
			WHERE h.resumed_at IS NOT NULL`, id, reason)
		if first = err == nil && tag.RowsAffected() > 0; !first {
			return err
		}
		rows, err := tx.Query(ctx, `UPDATE queue_entries e SET state = 'held', last_text = $2 FROM queue_messages m
			WHERE m.id = e.queue_message_id AND m.account_id = $1 AND e.state = 'ready'
			RETURNING e.queue_message_id, e.recipient`, id, reason)
		if err != nil {
			return err
		}
		events, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (mail.Event, error) {
			e := mail.Event{Kind: mail.EventHeld, Account: id, Text: reason}
			err := r.Scan(&e.Trace, &e.Recipient)
			return e, err
		})
		if err != nil {
			return err
		}
		if err := s.writeEvents(ctx, tx, events); err != nil {
			return err
		}
		return s.audit(ctx, tx, mail.ActorSystem, "account.hold", "", detail{"account": int64(id), "reason": reason, "entries": len(events)})
	})
	return first, err
}

// SendHold tells whether an account's sending is, or was last, held; false when
// it never was.
func (s *Store) SendHold(ctx context.Context, id mail.AccountID) (h mail.SendHold, ok bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT reason, held_at, coalesce(resumed_at, '0001-01-01 00:00:00+00') FROM send_holds WHERE account_id = $1`, id).
		Scan(&h.Reason, &h.HeldAt, &h.ResumedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, false, nil
	}
	return h, err == nil, dbError(err)
}

// ResumeSending ends a hold; what it held stays in the queue until it is
// released there. The account is not suspected for 24 hours. CodeNotFound when
// it is not held.
func (s *Store) ResumeSending(ctx context.Context, actor mail.Actor, id mail.AccountID) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		tag, err := tx.Exec(ctx, `UPDATE send_holds SET resumed_at = now() WHERE account_id = $1 AND resumed_at IS NULL`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "the account's sending is not held")
		}
		return s.audit(ctx, tx, actor, "account.resume", now.Address.String(), nil)
	})
}

// countFailures adds the entries that failed to their accounts' hours.
func (w *settleWork) countFailures(ctx context.Context, tx pgx.Tx) error {
	failed := map[mail.AccountID]int32{}
	for i, x := range w.settlements {
		if a := w.held[x.Entry].account; w.results[i].Err == nil && x.Outcome == mail.OutcomeFailed && a != 0 {
			failed[a]++
		}
	}
	if len(failed) == 0 {
		return nil
	}
	accounts := slices.Sorted(maps.Keys(failed))
	ids, counts := make([]int64, len(accounts)), make([]int32, len(accounts))
	for i, a := range accounts {
		ids[i], counts[i] = int64(a), failed[a]
	}
	_, err := tx.Exec(ctx, `INSERT INTO sent_hours AS h (account_id, hour, failures)
		SELECT id, `+thisHour+`, n FROM unnest($1::bigint[], $2::int[]) AS x (id, n) ORDER BY 1
		ON CONFLICT (account_id, hour) DO UPDATE SET failures = h.failures + excluded.failures`, ids, counts)
	return err
}
