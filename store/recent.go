package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlClaimRecent makes what came up to UID $3, and was \Recent to nobody yet,
// the caller's. The row is locked before it is read, so that two who ask at
// once do not both get it.
const sqlClaimRecent = `WITH was AS MATERIALIZED (
		SELECT s.account_id, s.mailbox_id, s.recent_uid FROM mailbox_state s
		WHERE s.account_id = $1 AND s.mailbox_id = $2 AND s.recent_uid < $3::bigint FOR NO KEY UPDATE
	), claimed AS (
		UPDATE mailbox_state s SET recent_uid = $3::bigint FROM was
		WHERE s.account_id = was.account_id AND s.mailbox_id = was.mailbox_id
	)
	SELECT was.recent_uid + 1, ` + sqlCountRecent + ` FROM was`

// sqlUnclaimed gives what came after UID $4, up to $3, and was \Recent to
// nobody yet.
const sqlUnclaimed = `WITH was AS MATERIALIZED (
		SELECT greatest(s.recent_uid, $4::bigint) AS recent_uid FROM mailbox_state s
		WHERE s.account_id = $1 AND s.mailbox_id = $2 AND s.recent_uid < $3::bigint)
	SELECT was.recent_uid + 1, ` + sqlCountRecent + ` FROM was`

const sqlCountRecent = `(SELECT count(*) FROM mailbox_messages m
		WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid > was.recent_uid AND m.uid <= $3::bigint)`

// claimWait is how long a claim waits for a mailbox that someone holds. A claim
// that a crash forgets makes messages \Recent once more, no worse: it does not
// wait for the disk.
const claimWait = `SELECT set_config('lock_timeout', '1s', true), set_config('synchronous_commit', 'off', true)`

// ClaimRecent gives the messages up to a UID that were \Recent to no session
// before, and keeps that they are to one now. It writes only when there are
// UIDs to claim. A mailbox that is gone has none.
func (s *Store) ClaimRecent(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, last mail.UID) (mail.Recent, error) {
	var r recentRead
	err := s.pinned(ctx, func(b *pgx.Batch) {
		r = recentRead{}
		b.Queue(claimWait)
		b.Queue(sqlClaimRecent, acct, mbox, int64(last)).Query(r.read)
	})
	return r.result(last), err
}

// UnclaimedRecent gives the messages after one UID and up to another that are
// \Recent to no session yet, and claims nothing.
func (s *Store) UnclaimedRecent(ctx context.Context, acct mail.AccountID, mbox mail.MailboxID, after, last mail.UID) (mail.Recent, error) {
	var r recentRead
	err := s.pinned(ctx, func(b *pgx.Batch) {
		r = recentRead{}
		b.Queue(sqlUnclaimed, acct, mbox, int64(last), int64(after)).Query(r.read)
	})
	return r.result(last), err
}

// recentRead is the answer of sqlClaimRecent or sqlUnclaimed.
type recentRead struct {
	first    int64 // 0: none
	messages int64
}

func (r *recentRead) read(rows pgx.Rows) error {
	_, err := pgx.ForEachRow(rows, []any{&r.first, &r.messages}, func() error { return nil })
	return err
}

func (r *recentRead) result(last mail.UID) mail.Recent {
	if r.first == 0 || r.first > int64(last) {
		return mail.Recent{UIDs: mail.UIDRange{Lo: 1}}
	}
	return mail.Recent{UIDs: mail.UIDRange{Lo: mail.UID(r.first), Hi: last}, Messages: r.messages}
}

// sqlRecentCounts counts, in mailboxes $2 of account $1, what is \Recent to
// nobody yet.
const sqlRecentCounts = `SELECT s.mailbox_id, n.messages FROM mailbox_state s CROSS JOIN LATERAL (
		SELECT count(*) AS messages FROM mailbox_messages m
		WHERE m.account_id = $1 AND m.mailbox_id = s.mailbox_id AND m.uid > s.recent_uid OFFSET 0) n
	WHERE s.account_id = $1 AND s.mailbox_id = ANY($2)`

// RecentCounts gives how many messages of each mailbox are \Recent to no
// session yet (STATUS RECENT).
func (s *Store) RecentCounts(ctx context.Context, acct mail.AccountID, ids []mail.MailboxID) (map[mail.MailboxID]int64, error) {
	var out map[mail.MailboxID]int64
	err := s.pinned(ctx, func(b *pgx.Batch) {
		out = make(map[mail.MailboxID]int64, len(ids))
		b.Queue(sqlRecentCounts, acct, ids).Query(func(rows pgx.Rows) error {
			var id mail.MailboxID
			var n int64
			_, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error {
				out[id] = n
				return nil
			})
			return err
		})
	})
	return out, err
}
