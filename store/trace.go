package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// traceSearchTime bounds a search for messages: it walks events by time.
const traceSearchTime = 5 * time.Second

// FindTraces finds messages by recipient, reverse-path or Message-ID, newest
// first. The reverse-path is looked for in the text of the accepted (or refused) event,
// "from <…>", the Message-ID there and among the messages filed here.
// CodeLimit when the search takes too long: narrow the time.
func (s *Store) FindTraces(ctx context.Context, q mail.TraceQuery) ([]mail.TraceHit, error) {
	if q.Recipient == "" && q.Sender == "" && q.MessageID == "" {
		return nil, mail.Errorf(mail.CodeInvalid, "give a recipient, a sender or a Message-ID to search for")
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	if q.Until.IsZero() {
		q.Until = time.Now().Add(time.Minute)
	}
	var from, id string
	if q.Sender != "" {
		from = "from <" + strings.Trim(q.Sender, "<>") + ">"
	}
	if q.MessageID != "" {
		id = "<" + strings.Trim(q.MessageID, "<>") + ">"
	}
	limited, cancel := context.WithTimeout(ctx, traceSearchTime)
	defer cancel()
	hits, err := s.findTraces(limited, q, from, id)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, &mail.Error{Code: mail.CodeLimit, Text: "that search takes too long", Err: err,
			Hint: "narrow it with --since and --until"}
	}
	return hits, dbError(err)
}

func (s *Store) findTraces(ctx context.Context, q mail.TraceQuery, from, id string) ([]mail.TraceHit, error) {
	rows, err := s.pool.Query(ctx, `WITH named AS MATERIALIZED (
			SELECT DISTINCT trace_id FROM messages WHERE $5 <> '' AND message_id = $5 AND trace_id <> 0 LIMIT 10000
		), accepted AS (
			SELECT trace_id FROM delivery_events e WHERE at >= $1 AND at < $2 AND kind IN ('accepted', 'refused')
				AND ($4 = '' OR strpos(lower(text), lower($4)) > 0)
				AND ($5 = '' OR strpos(text, $5) > 0 OR trace_id IN (SELECT trace_id FROM named))
		), hits AS (
			SELECT trace_id, max(at) AS newest FROM delivery_events
			WHERE at >= $1 AND at < $2 AND ($3 = '' OR lower(recipient) = lower($3))
				AND ($3 <> '' OR kind IN ('accepted', 'refused'))
				AND ($4 = '' AND $5 = '' OR trace_id IN (SELECT trace_id FROM accepted))
			GROUP BY trace_id ORDER BY newest DESC, trace_id DESC LIMIT $6
		)
		SELECT c.trace_id, f.at, l.at, l.kind, f.text FROM hits c
		CROSS JOIN LATERAL (SELECT at, text FROM delivery_events e WHERE e.trace_id = c.trace_id ORDER BY at, id LIMIT 1) f
		CROSS JOIN LATERAL (SELECT at, kind FROM delivery_events e WHERE e.trace_id = c.trace_id ORDER BY at DESC, id DESC LIMIT 1) l
		ORDER BY c.newest DESC, c.trace_id DESC`,
		q.Since, q.Until, q.Recipient, from, id, q.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[mail.TraceHit])
}
