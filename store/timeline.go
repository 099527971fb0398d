package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// maxEventText bounds what one event keeps of a remote's words.
const maxEventText = 1000

// writeEvents writes timeline lines in the transaction they tell of. An event
// without a time happens now.
func (s *Store) writeEvents(ctx context.Context, tx pgx.Tx, events []mail.Event) error {
	if len(events) == 0 {
		return nil
	}
	n := len(events)
	at, ids, traces, accounts := make([]time.Time, n), make([]int64, n), make([]int64, n), make([]int64, n)
	kinds, recipients, peers, texts := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	now := time.Now()
	for i, e := range events {
		at[i], ids[i], traces[i], accounts[i] = e.At, s.NewID(), int64(e.Trace), int64(e.Account)
		if e.At.IsZero() {
			at[i] = now
		}
		kinds[i], recipients[i], peers[i], texts[i] = string(e.Kind), safeText(e.Recipient), safeText(e.Peer), safeText(e.Text)
	}
	_, err := tx.Exec(ctx, `INSERT INTO delivery_events (at, id, trace_id, kind, account_id, recipient, peer, text)
		SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])`,
		at, ids, traces, kinds, accounts, recipients, peers, texts)
	return err
}

// safeText makes a peer's words fit a text column: valid UTF-8, no NUL, one
// line, bounded.
func safeText(t string) string {
	if len(t) > maxEventText {
		t = t[:maxEventText]
	}
	t = strings.ToValidUTF8(t, "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, t)
}

// RecordEvents adds timeline lines that belong to no other change, such as the
// beginning of an attempt.
func (s *Store) RecordEvents(ctx context.Context, events []mail.Event) error {
	return s.inTx(ctx, func(tx pgx.Tx) error { return s.writeEvents(ctx, tx, events) })
}

// Timeline gives what happened to a message, in order. CodeNotFound when
// nothing is known of it.
func (s *Store) Timeline(ctx context.Context, trace mail.TraceID) ([]mail.Event, error) {
	rows, err := s.pool.Query(ctx, `SELECT at, trace_id, kind, account_id, recipient, peer, text
		FROM delivery_events WHERE trace_id = $1 ORDER BY at, id`, trace)
	if err != nil {
		return nil, dbError(err)
	}
	events, err := pgx.CollectRows(rows, scanEvent)
	if err == nil && len(events) == 0 {
		return nil, &mail.Error{Code: mail.CodeNotFound, Text: "nothing is known of message " + trace.String(),
			Hint: "search by --recipient, --sender or --message-id; timelines are kept for a limited time"}
	}
	return events, dbError(err)
}

func scanEvent(r pgx.CollectableRow) (e mail.Event, err error) {
	err = r.Scan(&e.At, &e.Trace, &e.Kind, &e.Account, &e.Recipient, &e.Peer, &e.Text)
	return e, err
}
