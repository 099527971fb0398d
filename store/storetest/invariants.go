package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postroom/store"
)

// invariants are queries that find nothing in a sound database; each gives a
// text that names the first offender.
var invariants = []struct{ name, sql string }{
	{"a mailbox counts its messages", `
		SELECT format('account %s mailbox %s: state %s, counted %s', s.account_id, s.mailbox_id,
			(s.messages, s.unseen, s.deleted, s.bytes, s.deleted_bytes), (c.n, c.unseen, c.deleted, c.bytes, c.deleted_bytes))
		FROM mailbox_counters s, LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE flags & 1 = 0) AS unseen,
			count(*) FILTER (WHERE flags & 8 <> 0) AS deleted, coalesce(sum(size), 0) AS bytes,
			coalesce(sum(size) FILTER (WHERE flags & 8 <> 0), 0) AS deleted_bytes
			FROM mailbox_messages m WHERE m.account_id = s.account_id AND m.mailbox_id = s.mailbox_id) c
		WHERE (s.messages, s.unseen, s.deleted, s.bytes, s.deleted_bytes) <> (c.n, c.unseen, c.deleted, c.bytes, c.deleted_bytes)`},
	{"UIDs and modseqs lie below the mailbox's", `
		SELECT format('account %s mailbox %s uid %s modseq %s', m.account_id, m.mailbox_id, m.uid, m.modseq)
		FROM (SELECT account_id, mailbox_id, uid, modseq FROM mailbox_messages
			UNION ALL SELECT account_id, mailbox_id, uid, modseq FROM expunged) m
		JOIN mailbox_counters s USING (account_id, mailbox_id) WHERE m.uid >= s.uidnext OR m.modseq > s.highestmodseq OR m.uid < 1`},
	{"later UIDs were added at later modseqs", `
		SELECT format('account %s mailbox %s modseq %s', account_id, mailbox_id, modseq) FROM (
			SELECT *, lag(upper(uids)) OVER (PARTITION BY account_id, mailbox_id ORDER BY modseq) AS before
			FROM mailbox_changes WHERE kind = 'a') c
		WHERE lower(uids) < before`},
	{"uidnext only grows", `
		SELECT format('account %s mailbox %s modseq %s', account_id, mailbox_id, modseq) FROM (
			SELECT *, max(uidnext) OVER (PARTITION BY account_id, mailbox_id ORDER BY modseq ROWS UNBOUNDED PRECEDING) AS highest
			FROM mailbox_changes) c
		WHERE uidnext < highest OR kind = 'a' AND uidnext < upper(uids)`},
	{"every mailbox has its lock and its counters", `
		SELECT format('account %s mailbox %s', account_id, id) FROM mailboxes b
		WHERE NOT EXISTS (SELECT FROM mailbox_counters s WHERE s.account_id = b.account_id AND s.mailbox_id = b.id)`},
	{"every mailbox row is in a mailbox with a state", `
		SELECT format('account %s mailbox %s uid %s', account_id, mailbox_id, uid) FROM mailbox_messages m
		WHERE NOT EXISTS (SELECT FROM mailbox_state s WHERE s.account_id = m.account_id AND s.mailbox_id = m.mailbox_id)
			OR NOT EXISTS (SELECT FROM mailboxes b WHERE b.account_id = m.account_id AND b.id = m.mailbox_id)`},
	{"a message is not both there and expunged", `
		SELECT format('account %s mailbox %s uid %s', account_id, mailbox_id, uid)
		FROM mailbox_messages JOIN expunged USING (account_id, mailbox_id, uid)`},
	{"every mailbox row has its message", `
		SELECT format('account %s message %s', account_id, message_id) FROM (SELECT account_id, message_id FROM mailbox_messages
			UNION ALL SELECT account_id, message_id FROM expunged) m
		WHERE NOT EXISTS (SELECT FROM messages x WHERE x.account_id = m.account_id AND x.id = m.message_id)`},
	{"every message has its reference", `
		SELECT format('account %s message %s blob %s', account_id, id, blob_id) FROM messages m WHERE NOT EXISTS
			(SELECT FROM blob_refs r WHERE r.blob_id = m.blob_id AND r.account_id = m.account_id AND r.holder = m.id)`},
	{"every message of an indexed mailbox is in the index", `
		SELECT format('account %s mailbox %s uid %s message %s', m.account_id, m.mailbox_id, m.uid, m.message_id)
		FROM search_state s JOIN mailbox_messages m ON m.account_id = s.account_id AND m.mailbox_id = s.mailbox_id AND m.uid <= s.indexed_uid
		WHERE NOT EXISTS (SELECT FROM search_messages k WHERE k.account_id = m.account_id AND k.message_id = m.message_id)`},
	{"the index has no message that is gone", `
		SELECT format('account %s message %s', account_id, message_id) FROM search_messages k
		WHERE NOT EXISTS (SELECT FROM messages m WHERE m.account_id = k.account_id AND m.id = k.message_id)`},
	{"every message that the index knows is in a segment", `
		SELECT format('account %s message %s', account_id, message_id) FROM search_messages
		EXCEPT SELECT format('account %s message %s', s.account_id, m) FROM search_segments s CROSS JOIN unnest(s.messages) m`},
	{"a segment has all its blocks, and no block is without one", `
		SELECT format('account %s segment %s', account_id, segment_id) FROM search_segments s
			FULL JOIN (SELECT account_id, segment_id, sum(length(data)) AS octets FROM search_blocks GROUP BY 1, 2) b USING (account_id, segment_id)
		WHERE s.octets IS DISTINCT FROM coalesce(b.octets, 0)`},
	{"every queued message has its reference", `
		SELECT format('queued %s blob %s', id, blob_id) FROM queue_messages q WHERE NOT EXISTS
			(SELECT FROM blob_refs r WHERE r.blob_id = q.blob_id AND r.account_id = 0 AND r.holder = q.id)`},
	{"every reference has its blob", `
		SELECT format('blob %s of account %s holder %s', r.blob_id, r.account_id, r.holder)
		FROM blob_refs r LEFT JOIN messages m ON m.account_id = r.account_id AND m.id = r.holder
		WHERE NOT EXISTS (SELECT FROM blobs b WHERE b.blob_id = r.blob_id AND b.chunk = 0)
			AND (r.account_id = 0 OR m.size > length(m.prefix))`},
	{"chunks of a blob are without a gap", `
		SELECT format('blob %s', blob_id) FROM blobs GROUP BY blob_id HAVING count(*) <> max(chunk) + 1`},
	{"an unused blob is known as an orphan", `
		SELECT format('blob %s', blob_id) FROM blobs b WHERE chunk = 0
			AND NOT EXISTS (SELECT FROM blob_refs r WHERE r.blob_id = b.blob_id)
			AND NOT EXISTS (SELECT FROM blob_orphans o WHERE o.blob_id = b.blob_id)`},
	{"every queued message has an entry", `
		SELECT format('queued %s', id) FROM queue_messages q
		WHERE NOT EXISTS (SELECT FROM queue_entries e WHERE e.queue_message_id = q.id)`},
}

// CheckInvariants looks for contradictions in the database of s: counters that
// do not equal counted rows, references into nothing, UIDs out of order. nil
// when it is sound. The tests must be quiet meanwhile: it takes one snapshot
// per question.
func CheckInvariants(ctx context.Context, s *store.Store) error {
	return check(func(sql string) (string, error) {
		var text string
		err := s.QueryForTest(ctx, []any{&text}, sql)
		return text, err
	})
}

// CheckInvariantsAt is CheckInvariants for a database that a server of its own
// serves.
func CheckInvariantsAt(ctx context.Context, url string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	return check(func(sql string) (string, error) {
		var text string
		err := c.QueryRow(ctx, sql).Scan(&text)
		return text, err
	})
}

func check(ask func(sql string) (string, error)) error {
	var found []error
	for _, i := range invariants {
		text, err := ask(i.sql + " LIMIT 1")
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return fmt.Errorf("%s: %w", i.name, err)
		default:
			found = append(found, fmt.Errorf("not so: %s: %s", i.name, text))
		}
	}
	return errors.Join(found...)
}
