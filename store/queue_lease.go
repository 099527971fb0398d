package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Defaults of mail.LeaseArgs, and how far LeaseDue looks for destinations.
const (
	defaultLease     = 15 * time.Minute
	defaultMax       = 100
	defaultPerDomain = 50
	leaseWindow      = 2000
)

// leaseSQL takes the oldest due entries of each destination that is not busy,
// those of many destinations before many of one. An entry that another worker
// is just taking is skipped, not waited for.
const leaseSQL = `WITH head AS MATERIALIZED (
		SELECT id, domain, next_attempt_at FROM queue_entries
		WHERE state = 'ready' AND next_attempt_at <= now() AND domain <> ALL ($1::text[]) AND ($2 = '' OR domain = $2)
		ORDER BY next_attempt_at LIMIT $3
	), ranked AS (
		SELECT id, next_attempt_at, row_number() OVER (PARTITION BY domain ORDER BY next_attempt_at, id) AS place FROM head
	), picked AS (
		SELECT id FROM ranked WHERE place <= $4 ORDER BY (place - 1) / 10, next_attempt_at, id LIMIT $5
	), locked AS (
		SELECT id, queue_message_id FROM queue_entries WHERE id IN (SELECT id FROM picked) AND state = 'ready' AND next_attempt_at <= now()
		ORDER BY id FOR UPDATE SKIP LOCKED
	)
	UPDATE queue_entries e SET state = 'leased', lease_token = $6, lease_until = now() + $7
	FROM locked JOIN queue_messages m ON m.id = locked.queue_message_id WHERE e.id = locked.id
	RETURNING ` + entryColumns + `, ` + queueMessageColumns

// LeaseDue takes due entries for this worker until they are settled or the
// lease runs out. Each LeasedMessage holds entries of one message and one
// destination. Leases that ran out elsewhere are taken over first.
func (s *Store) LeaseDue(ctx context.Context, a mail.LeaseArgs) ([]mail.LeasedMessage, error) {
	if a.For <= 0 {
		a.For = defaultLease
	}
	if a.Max <= 0 {
		a.Max = defaultMax
	}
	if a.PerDomain <= 0 {
		a.PerDomain = defaultPerDomain
	}
	if a.BusyDomains == nil {
		a.BusyDomains = []string{}
	}
	if err := s.takeOver(ctx, a.Domain); err != nil {
		return nil, err
	}
	token := mail.LeaseToken(s.NewID())
	// This node's clock, read before the database's: the lease never outlives
	// what the worker believes.
	until := time.Now().Add(a.For)
	rows, err := s.pool.Query(ctx, leaseSQL, a.BusyDomains, a.Domain, leaseWindow, a.PerDomain, a.Max, token, a.For)
	if err != nil {
		return nil, dbError(err)
	}
	leased, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (mail.LeasedMessage, error) {
		var e entryRow
		var m queueMessageRow
		err := r.Scan(append(e.fields(), m.fields()...)...)
		return mail.LeasedMessage{Message: m.finish(), Entries: []mail.QueueEntry{e.finish()}, Token: token, Until: until}, err
	})
	return groupLeased(leased), dbError(err)
}

// takeOver releases leases that ran out, where there are any. Who asks for more
// of one destination has asked for all a moment ago.
func (s *Store) takeOver(ctx context.Context, domain string) error {
	if domain != "" {
		return nil
	}
	var expired bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM queue_entries WHERE state = 'leased' AND lease_until < now())`).Scan(&expired)
	if err != nil || !expired {
		return dbError(err)
	}
	_, err = s.ReleaseExpired(ctx)
	return err
}

// groupLeased puts entries of one message and destination together, the
// longest due first.
func groupLeased(leased []mail.LeasedMessage) []mail.LeasedMessage {
	type group struct {
		message mail.TraceID
		domain  string
	}
	at := map[group]int{}
	var out []mail.LeasedMessage
	sortLeased(leased)
	for _, l := range leased {
		g := group{l.Message.ID, l.Entries[0].Domain}
		i, ok := at[g]
		if !ok {
			at[g] = len(out)
			out = append(out, l)
			continue
		}
		out[i].Entries = append(out[i].Entries, l.Entries...)
	}
	return out
}

// RenewLeases makes the leases of ids, which token proves, last until a time,
// and gives those that were lost: nothing may be sent for them any more.
func (s *Store) RenewLeases(ctx context.Context, ids []mail.EntryID, token mail.LeaseToken, until time.Time) (lost []mail.EntryID, err error) {
	rows, err := s.pool.Query(ctx, `UPDATE queue_entries SET lease_until = now() + $3
		WHERE id = ANY($1) AND lease_token = $2 RETURNING id`, ids, token, time.Until(until))
	if err != nil {
		return nil, dbError(err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[mail.EntryID])
	if err != nil {
		return nil, dbError(err)
	}
	held := make(map[mail.EntryID]bool, len(kept))
	for _, id := range kept {
		held[id] = true
	}
	for _, id := range ids {
		if !held[id] {
			lost = append(lost, id)
		}
	}
	return lost, nil
}

// ReleaseExpired makes entries whose lease ran out ready again and counts
// them. The attempt counts, and after the first such loss the next waits
// longer each time: a message that kills its worker does not do so in a loop.
func (s *Store) ReleaseExpired(ctx context.Context) (int, error) {
	return s.releaseLeases(ctx, `lease_until < now()`)
}

// ReleaseOrphans does the same for what an earlier process under this node's
// name had leased, without waiting. It is for the start of a worker, and right
// only where Config.NodeName names one process at a time; without a name it
// does nothing.
func (s *Store) ReleaseOrphans(ctx context.Context) (int, error) {
	if s.cfg.NodeName == "" {
		return 0, nil
	}
	// A token is an id: the node slot stands in it.
	return s.releaseLeases(ctx, `((lease_token >> 12) & 1023) IN (SELECT slot FROM nodes WHERE name = $1 AND token <> $2)`,
		s.cfg.NodeName, s.ids.token)
}

func (s *Store) releaseLeases(ctx context.Context, which string, args ...any) (int, error) {
	n := 0
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `WITH lost AS (
				SELECT id FROM queue_entries WHERE state = 'leased' AND `+which+`
				ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
			)
			UPDATE queue_entries e SET state = 'ready', lease_token = NULL, lease_until = NULL, attempts = attempts + 1,
				next_attempt_at = now() + least(attempts, 60) * interval '1 minute'
			FROM lost WHERE e.id = lost.id RETURNING e.queue_message_id, e.recipient`, args...)
		if err != nil {
			return err
		}
		events, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (mail.Event, error) {
			e := mail.Event{Kind: mail.EventDeferred, Text: "the worker that had this is gone: taken over"}
			err := r.Scan(&e.Trace, &e.Recipient)
			return e, err
		})
		if err != nil {
			return err
		}
		n = len(events)
		return s.writeEvents(ctx, tx, events)
	})
	return n, err
}
