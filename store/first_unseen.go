package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlFirstUnseen looks for the sequence number of the first message without
// \Seen among the oldest, and among the newest when these hold all there are.
const sqlFirstUnseen = `WITH st AS MATERIALIZED (
		SELECT s.highestmodseq, s.messages, s.unseen FROM mailbox_counters s WHERE s.account_id = $1 AND s.mailbox_id = $2
	), head AS MATERIALIZED (
		SELECT o.unseen, row_number() OVER (ORDER BY o.uid) AS seq FROM (
			SELECT m.uid, m.flags & 1 = 0 AS unseen FROM mailbox_messages m
			WHERE m.account_id = $1 AND m.mailbox_id = $2 ORDER BY m.uid LIMIT 100) o
	), tail AS MATERIALIZED (
		SELECT m.uid, m.flags & 1 = 0 AS unseen FROM mailbox_messages m
		WHERE m.account_id = $1 AND m.mailbox_id = $2 AND (SELECT unseen FROM st) <= 100 ORDER BY m.uid DESC LIMIT 100
	), t AS MATERIALIZED (
		SELECT count(*) FILTER (WHERE unseen) AS n, min(uid) FILTER (WHERE unseen) AS first FROM tail
	)
	SELECT st.highestmodseq, coalesce(
		(SELECT min(seq) FROM head WHERE unseen),
		CASE WHEN st.unseen > 0 AND t.n = st.unseen THEN st.messages + 1 - (SELECT count(*) FROM tail WHERE tail.uid >= t.first) END, 0)
	FROM st, t`

// FirstUnseen gives the sequence number of the first message without \Seen as
// far as a short look tells, and the modseq of the mailbox at that moment. 0:
// there is none, or it is neither among the oldest nor with all others among
// the newest. CodeNotFound: no such mailbox.
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
