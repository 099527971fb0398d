package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlFirstUnseen finds the sequence number of the first message without \Seen.
// Mostly the few unseen ones came last: when the newest hold them all, nothing
// else is read; otherwise the mailbox is, up to the first.
const sqlFirstUnseen = `WITH st AS MATERIALIZED (
		SELECT s.highestmodseq, s.messages, s.unseen FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	), tail AS MATERIALIZED (
		SELECT m.uid, m.flags & 1 = 0 AS unseen FROM mailbox_messages m
		WHERE m.account_id = $1 AND m.mailbox_id = $2 ORDER BY m.uid DESC LIMIT 200
	), t AS MATERIALIZED (
		SELECT count(*) FILTER (WHERE unseen) AS n, min(uid) FILTER (WHERE unseen) AS first FROM tail
	)
	SELECT st.highestmodseq, CASE
		WHEN st.unseen = 0 THEN 0
		WHEN t.n = st.unseen THEN st.messages + 1 - (SELECT count(*) FROM tail WHERE tail.uid >= t.first)
		ELSE 1 + (SELECT count(*) FROM mailbox_messages m WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid < (
			SELECT x.uid FROM mailbox_messages x
			WHERE x.account_id = $1 AND x.mailbox_id = $2 AND x.flags & 1 = 0 ORDER BY x.uid LIMIT 1))
		END
	FROM st, t`

// FirstUnseen gives the sequence number of the first message without \Seen, 0
// when there is none, and the modseq of the mailbox at that moment.
// CodeNotFound: no such mailbox.
func (s *Store) FirstUnseen(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID) (uint32, mail.ModSeq, error) {
	var modseq mail.ModSeq
	var seq int64
	found := false
	err := s.pinned(ctx, func(b *pgx.Batch) {
		b.Queue(sqlFirstUnseen, acct, mbox).Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&modseq, &seq}, func() error {
				found = true
				return nil
			})
			return err
		})
	})
	if err == nil && !found {
		err = noMailbox()
	}
	return uint32(seq), modseq, err
}
