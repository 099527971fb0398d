package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlUnindexed is the mailboxes with UIDs that the index has not seen.
const sqlUnindexed = ` FROM mailbox_counters c LEFT JOIN search_state i USING (account_id, mailbox_id)
	WHERE c.uidnext - 1 > coalesce(i.indexed_uid, 0)`

// Unindexed gives mailboxes with messages to index, at most so many.
func (s *Store) Unindexed(ctx context.Context, most int) ([]mail.Unindexed, error) {
	rows, err := s.pool.Query(ctx, `SELECT c.account_id, c.mailbox_id, coalesce(i.indexed_uid, 0),
		least(c.messages, c.uidnext - 1 - coalesce(i.indexed_uid, 0))`+sqlUnindexed+` LIMIT $1`, most)
	if err != nil {
		return nil, dbError(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.Unindexed])
	return list, dbError(err)
}

// SearchProgress tells how far the search index is. Searches read themselves
// what it does not know.
func (s *Store) SearchProgress(ctx context.Context) (p mail.SearchProgress, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(sum(c.messages), 0)::bigint,
		coalesce(sum(greatest(0, least(c.messages, c.uidnext - 1 - coalesce(i.indexed_uid, 0)))), 0)::bigint,
		coalesce(sum(greatest(0, least(c.messages, c.uidnext - 1 - coalesce(i.documents_uid, 0)))), 0)::bigint
		FROM mailbox_counters c LEFT JOIN search_state i USING (account_id, mailbox_id)`).Scan(&p.Messages, &p.Unindexed, &p.Unread)
	return p, dbError(err)
}

// sqlToIndex gives up to $4 UIDs above $3 and whether their message is in the
// index, then the mailbox's last UID of the same moment. Expunged messages are
// among them: a session may still show them.
const sqlToIndex = `WITH m AS MATERIALIZED (
		(SELECT uid, message_id FROM mailbox_messages WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3 ORDER BY uid LIMIT $4)
		UNION ALL
		(SELECT uid, message_id FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND uid > $3 ORDER BY uid LIMIT $4)
	)
	(SELECT m.uid, k.known FROM m CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM search_messages k
		WHERE k.message_id = m.message_id) AS known OFFSET 0) k ORDER BY m.uid LIMIT $4)
	UNION ALL
	SELECT c.uidnext - 1, NULL FROM mailbox_counters c WHERE c.account_id = $1 AND c.mailbox_id = $2`

// ToIndex gives the messages to index among the next limit ones of a mailbox
// above a UID, and the UID up to which the mailbox is indexed with them; 0
// when the mailbox is gone.
func (s *Store) ToIndex(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error) {
	return s.next(ctx, sqlToIndex, acct, mbox, after, limit)
}

// next runs sqlToIndex or sqlToRead.
func (s *Store) next(ctx context.Context, sql string, acct mail.AccountID, mbox mail.MailboxID, after mail.UID, limit int) (uids mail.UIDSet, upTo mail.UID, err error) {
	err = s.pinned(ctx, func(b *pgx.Batch) {
		uids, upTo = nil, 0
		n, last := 0, mail.UID(0)
		b.Queue(sql, acct, mbox, after, limit).Query(func(rows pgx.Rows) error {
			var uid mail.UID
			var known *bool
			_, err := pgx.ForEachRow(rows, []any{&uid, &known}, func() error {
				switch {
				case known == nil && n < limit:
					upTo = uid
				case known == nil:
					upTo = last
				default:
					n, last = n+1, uid
					if !*known {
						uids.Append(uid)
					}
				}
				return nil
			})
			return err
		})
	})
	return uids, upTo, err
}
