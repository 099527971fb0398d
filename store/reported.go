package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// maxSentEvents bounds what is read of the messages that one report may be
// about.
const maxSentEvents = 10_000

// SentEvents gives what the timelines of messages say about how they were
// accepted and to whom they left, since a time: what a report about one of them
// is held against.
func (s *Store) SentEvents(ctx context.Context, traces []mail.TraceID, since time.Time) ([]mail.Event, error) {
	rows, err := s.pool.Query(ctx, `SELECT at, trace_id, kind, account_id, recipient, peer, text FROM delivery_events
		WHERE trace_id = ANY($1) AND at >= $2 AND kind IN ('accepted', 'queued', 'held') ORDER BY at, id LIMIT $3`,
		traces, since, maxSentEvents)
	if err != nil {
		return nil, dbError(err)
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	return events, dbError(err)
}

// RecordReport writes what a report told to the timelines, and suppresses
// recipients with it.
func (s *Store) RecordReport(ctx context.Context, events []mail.Event, gone []mail.Suppression) error {
	for i := range gone {
		gone[i].ExpiresAt = time.Now().Add(SuppressFor)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := s.writeEvents(ctx, tx, events); err != nil {
			return err
		}
		return suppress(ctx, tx, gone)
	})
}

// Complaints counts the feedback reports about mail of an account since a time.
func (s *Store) Complaints(ctx context.Context, acct mail.AccountID, since time.Time) (n int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM delivery_events WHERE account_id = $1 AND at >= $2 AND kind = 'complaint'`,
		acct, since).Scan(&n)
	return n, dbError(err)
}
