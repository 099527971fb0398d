package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// entryColumns reads a mail.QueueEntry of table e: entryFields knows them.
const entryColumns = `e.id, e.queue_message_id, e.recipient, e.notify, e.orcpt, e.domain, e.state, e.attempts,
	e.next_attempt_at, coalesce(e.lease_until, '0001-01-01 00:00:00+00'),
	coalesce(e.delay_dsn_at, '0001-01-01 00:00:00+00'), coalesce(e.last_attempt_at, '0001-01-01 00:00:00+00'),
	e.last_code, e.last_status, e.last_text, e.last_remote`

// entryRow gives where a row of entryColumns is scanned to; call finish after.
type entryRow struct {
	mail.QueueEntry
	recipient string
	notify    int16
}

func (r *entryRow) fields() []any {
	e := &r.QueueEntry
	return []any{&e.ID, &e.Message, &r.recipient, &r.notify, &e.Recipient.ORcpt, &e.Domain, &e.State, &e.Attempts,
		&e.NextAttempt, &e.LeaseUntil, &e.DelayDSNAt, &e.LastAttempt,
		&e.Last.Code, &e.Last.Status, &e.Last.Text, &e.Last.Remote}
}

func (r *entryRow) finish() mail.QueueEntry {
	r.Recipient.Address = splitAddress(r.recipient)
	r.Recipient.Notify = mail.Notify(r.notify)
	return r.QueueEntry
}

// queueMessageColumns reads a mail.QueueMessage of table m: queueMessageRow
// knows them.
const queueMessageColumns = `m.id, m.blob_id, m.account_id, m.sender, m.prefix, m.size, m.header_size, m.ret, m.envid, m.utf8, m.body8bit,
	m.created_at, m.expires_at`

// queueMessageRow gives where a row of queueMessageColumns is scanned to; call
// finish after.
type queueMessageRow struct {
	mail.QueueMessage
	sender string
	ret    int16
}

func (r *queueMessageRow) fields() []any {
	m := &r.QueueMessage
	return []any{&m.ID, &m.Blob, &m.Account, &r.sender, &m.Prefix, &m.Size, &m.HeaderSize, &r.ret, &m.EnvID, &m.UTF8, &m.Body8Bit,
		&m.CreatedAt, &m.ExpiresAt}
}

func (r *queueMessageRow) finish() mail.QueueMessage {
	r.From, r.Ret = splitAddress(r.sender), mail.Return(r.ret)
	return r.QueueMessage
}

// dropFinished removes the queue messages among ids whose last entry is gone,
// with their hold on the blob. The rows are locked first: of two transactions
// that each take one of the last two entries, the later one sees both gone.
func dropFinished(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT FROM queue_messages WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `WITH done AS (
			DELETE FROM queue_messages m WHERE m.id = ANY($1)
				AND NOT EXISTS (SELECT FROM queue_entries e WHERE e.queue_message_id = m.id)
			RETURNING id, blob_id
		), refs AS (
			DELETE FROM blob_refs r USING done d WHERE r.blob_id = d.blob_id AND r.account_id = 0 AND r.holder = d.id
		)
		INSERT INTO blob_orphans (blob_id) SELECT DISTINCT blob_id FROM done ORDER BY blob_id
		ON CONFLICT (blob_id) DO UPDATE SET orphan_at = excluded.orphan_at`, ids)
	return err
}

// QueueStats counts the queue by state.
func (s *Store) QueueStats(ctx context.Context) (mail.QueueStats, error) {
	var q mail.QueueStats
	err := s.pool.QueryRow(ctx, `SELECT count(DISTINCT m.id), count(*) FILTER (WHERE e.state = 'ready'),
			count(*) FILTER (WHERE e.state = 'leased'), count(*) FILTER (WHERE e.state = 'held'),
			count(*) FILTER (WHERE e.state = 'held' AND m.created_at <= i.queue_held_at),
			coalesce(min(m.created_at), '0001-01-01 00:00:00+00')
		FROM queue_entries e JOIN queue_messages m ON m.id = e.queue_message_id CROSS JOIN instance i`).
		Scan(&q.Messages, &q.Ready, &q.Leased, &q.Held, &q.AwaitsReview, &q.OldestAt)
	return q, dbError(err)
}

// NextDue tells when the next entry is due or the next lease runs out, in this
// node's time; zero when neither will be.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var wait *time.Duration
	err := s.pool.QueryRow(ctx, `SELECT least(
			(SELECT min(next_attempt_at) FROM queue_entries WHERE state = 'ready'),
			(SELECT min(lease_until) FROM queue_entries WHERE state = 'leased')) - now()`).Scan(&wait)
	if err != nil || wait == nil {
		return time.Time{}, dbError(err)
	}
	return time.Now().Add(*wait), nil
}

// sortLeased puts entries in the order they became due; RETURNING has none.
func sortLeased(leased []mail.LeasedMessage) {
	slices.SortFunc(leased, func(a, b mail.LeasedMessage) int {
		x, y := a.Entries[0], b.Entries[0]
		return cmp.Or(x.NextAttempt.Compare(y.NextAttempt), cmp.Compare(x.ID, y.ID))
	})
}
