package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// queueWhere selects entries by a mail.QueueFilter; filterArgs gives $1 to $6.
const queueWhere = ` ($1::bigint = 0 OR e.queue_message_id = $1) AND ($2::bigint = 0 OR e.id = $2) AND ($3 = '' OR e.state = $3)
	AND ($4 = '' OR e.domain = $4) AND ($5 = '' OR lower(e.recipient) = lower($5))
	AND ($6 = '' OR lower(m.sender) = lower(CASE $6 WHEN '<>' THEN '' ELSE $6 END)) `

func filterArgs(f mail.QueueFilter) []any {
	return []any{f.Message, f.Entry, string(f.State), f.Domain, f.Recipient, f.Sender}
}

// queueLimit is the size of a page of QueueList when the filter sets none.
const queueLimit = 1000

// QueueList gives queue entries in the order of their ids, f.Limit at a time:
// the next page begins After the last id. f.Sender "<>" selects DSNs.
func (s *Store) QueueList(ctx context.Context, f mail.QueueFilter) ([]mail.QueueItem, error) {
	if f.Limit <= 0 {
		f.Limit = queueLimit
	}
	rows, err := s.pool.Query(ctx, `SELECT `+entryColumns+`, m.sender, m.account_id, m.size, m.created_at, m.expires_at,
			coalesce(e.state = 'held' AND m.created_at <= i.queue_held_at, false)
		FROM queue_entries e JOIN queue_messages m ON m.id = e.queue_message_id CROSS JOIN instance i
		WHERE`+queueWhere+`AND e.id > $7 ORDER BY e.id LIMIT $8`, append(filterArgs(f), f.After, f.Limit)...)
	if err != nil {
		return nil, dbError(err)
	}
	items, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (q mail.QueueItem, err error) {
		var e entryRow
		var sender string
		err = r.Scan(append(e.fields(), &sender, &q.Account, &q.Size, &q.CreatedAt, &q.ExpiresAt, &q.AwaitsReview)...)
		q.Entry, q.From = e.finish(), splitAddress(sender)
		return q, err
	})
	return items, dbError(err)
}

// queueAct is what an administrator does to entries: the states it applies to,
// the SQL for the locked ids ($1), and the timeline's word.
type queueAct struct {
	name  string
	from  []string
	sql   string
	event mail.EventKind
	wakes bool
	drops bool
}

var (
	actRetry = queueAct{name: "queue.retry", from: []string{"ready", "held"}, event: mail.EventReleased, wakes: true,
		sql: `UPDATE queue_entries SET state = 'ready', next_attempt_at = now() WHERE id = ANY($1)`}
	actRelease = queueAct{name: "queue.release", from: []string{"held"}, event: mail.EventReleased, wakes: true,
		sql: `UPDATE queue_entries SET state = 'ready', next_attempt_at = now() WHERE id = ANY($1)`}
	actHold = queueAct{name: "queue.hold", from: []string{"ready"}, event: mail.EventHeld,
		sql: `UPDATE queue_entries SET state = 'held' WHERE id = ANY($1)`}
	actDelete = queueAct{name: "queue.delete", from: []string{"ready", "held"}, event: mail.EventDeleted, drops: true,
		sql: `DELETE FROM queue_entries WHERE id = ANY($1)`}
)

// QueueRetry makes the selected entries due now, held ones too. This and the
// three below give how many they changed and how many they left alone because
// a worker has them just now.
func (s *Store) QueueRetry(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error) {
	return s.queueActOn(ctx, actor, f, actRetry)
}

// QueueRelease makes the selected held entries due now.
func (s *Store) QueueRelease(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error) {
	return s.queueActOn(ctx, actor, f, actRelease)
}

// QueueHold keeps the selected entries from being tried.
func (s *Store) QueueHold(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error) {
	return s.queueActOn(ctx, actor, f, actHold)
}

// QueueDelete removes the selected entries without a DSN.
func (s *Store) QueueDelete(ctx context.Context, actor mail.Actor, f mail.QueueFilter) (changed, busy int, err error) {
	return s.queueActOn(ctx, actor, f, actDelete)
}

// actSlice is the number of entries that one transaction changes.
const actSlice = 2000

func (s *Store) queueActOn(ctx context.Context, actor mail.Actor, f mail.QueueFilter, act queueAct) (changed, busy int, err error) {
	last := f.After
	for {
		var n, b int
		var next mail.EntryID
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			found, err := lockEntries(ctx, tx, f, last)
			if err != nil {
				return err
			}
			n, b, next, err = s.actSlice(ctx, tx, actor, act, found)
			return err
		})
		if err != nil {
			return changed, busy, err
		}
		changed, busy = changed+n, busy+b
		if next == 0 {
			break
		}
		last = next
	}
	if act.wakes && changed > 0 {
		s.queueWake()
	}
	return changed, busy, nil
}

// found is an entry that a filter selected.
type found struct {
	ID        mail.EntryID
	Message   mail.TraceID
	Account   mail.AccountID
	Recipient string
	State     string
}

func lockEntries(ctx context.Context, tx pgx.Tx, f mail.QueueFilter, after mail.EntryID) ([]found, error) {
	rows, err := tx.Query(ctx, `SELECT e.id, e.queue_message_id, m.account_id, e.recipient, e.state
		FROM queue_entries e JOIN queue_messages m ON m.id = e.queue_message_id
		WHERE`+queueWhere+`AND e.id > $7 ORDER BY e.id LIMIT $8 FOR UPDATE OF e`, append(filterArgs(f), after, actSlice)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[found])
}

// actSlice changes one slice; next is 0 when it was the last.
func (s *Store) actSlice(ctx context.Context, tx pgx.Tx, actor mail.Actor, act queueAct, all []found) (n, busy int, next mail.EntryID, err error) {
	var ids, messages []int64
	var events []mail.Event
	for _, f := range all {
		if f.State == string(mail.QueueLeased) {
			busy++
		}
		for _, st := range act.from {
			if f.State == st {
				ids, messages = append(ids, int64(f.ID)), append(messages, int64(f.Message))
				events = append(events, mail.Event{Trace: f.Message, Kind: act.event, Account: f.Account,
					Recipient: f.Recipient, Text: act.name + " by " + string(actor)})
			}
		}
	}
	if len(all) == actSlice {
		next = all[len(all)-1].ID
	}
	if len(ids) == 0 {
		return 0, busy, next, nil
	}
	if _, err := tx.Exec(ctx, act.sql, ids); err != nil {
		return 0, 0, 0, err
	}
	if err := s.writeEvents(ctx, tx, events); err != nil {
		return 0, 0, 0, err
	}
	if act.wakes {
		if err := s.notifyTx(ctx, tx, wordQueue); err != nil {
			return 0, 0, 0, err
		}
	}
	if act.drops {
		if err := dropFinished(ctx, tx, messages); err != nil {
			return 0, 0, 0, err
		}
	}
	return len(ids), busy, next, s.audit(ctx, tx, actor, act.name, "queue", detail{"entries": len(ids)})
}
