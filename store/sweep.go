package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// What the sweep keeps, and for how long.
const (
	restoreWindow = 30 * 24 * time.Hour  // expunged messages, deleted accounts
	changesFor    = 30 * 24 * time.Hour  // mailbox_changes of additions and flags
	vanishedFor   = 365 * 24 * time.Hour // mailbox_changes of expunges
	orphanFor     = time.Hour            // unused blobs: no transaction of ours lives so long
	sweepRows     = 1000                 // per transaction
)

// SweepResult counts what a sweep removed.
type SweepResult struct {
	Accounts int64 `json:"accounts"` // deleted longer ago than the restore window
	Expunged int64 `json:"expunged"` // expunged messages
	Messages int64 `json:"messages"` // of which no copy was left
	Blobs    int64 `json:"blobs"`
	Changes  int64 `json:"changes"`  // rows of mailbox_changes
	Accepted int64 `json:"accepted"` // fingerprints
	Sent     int64 `json:"sent"`     // hours of sending, suppressions
	Logins   int64 `json:"logins"`   // failed ones, and the history's
	Received int64 `json:"received"` // greylist, counters of peers, rejects
}

// Sweep removes what is past its time, in short transactions. It may be
// stopped anywhere and run on several nodes at once.
func (s *Store) Sweep(ctx context.Context) (SweepResult, error) {
	var res SweepResult
	now := time.Now()
	steps := []func() error{
		func() (err error) {
			n, err := s.SweepDeletedAccounts(ctx, now.Add(-restoreWindow))
			res.Accounts = int64(n)
			return err
		},
		func() error { return s.sweepExpunged(ctx, 0, now.Add(-restoreWindow), &res) },
		func() error { return s.sweepAboveCap(ctx, &res) },
		func() (err error) {
			res.Changes, err = s.sweepChanges(ctx, 0, now.Add(-changesFor), now.Add(-vanishedFor))
			return err
		},
		func() (err error) { res.Blobs, err = s.sweepBlobs(ctx, orphanFor); return err },
		func() (err error) { res.Accepted, err = s.sweepAccepted(ctx); return err },
		func() (err error) { res.Sent, err = s.sweepSent(ctx); return err },
		func() (err error) { res.Logins, err = s.sweepLogins(ctx); return err },
		func() error { return s.sweepSearchState(ctx) },
		func() error { return s.sweepSegments(ctx, deadShare) },
		func() (err error) { res.Received, err = s.sweepReceived(ctx); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return res, err
		}
	}
	return res, nil
}

// sweepExpunged forgets messages that were expunged before a time, of one
// account or (0) all.
func (s *Store) sweepExpunged(ctx context.Context, account mail.AccountID, before time.Time, res *SweepResult) error {
	return s.forget(ctx, res, `SELECT account_id, mailbox_id, uid FROM expunged WHERE expunged_at < $2 AND ($3::bigint = 0 OR account_id = $3)
		ORDER BY expunged_at LIMIT $1 FOR UPDATE SKIP LOCKED`, before, int64(account))
}

// forget removes the rows of expunged that a statement picks, at most $1 at a
// time.
func (s *Store) forget(ctx context.Context, res *SweepResult, pick string, args ...any) error {
	for {
		var gone, freed int64
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			gone, freed, err = forgetSlice(ctx, tx, pick, args)
			return err
		})
		if err != nil {
			return err
		}
		res.Expunged, res.Messages = res.Expunged+gone, res.Messages+freed
		if gone < sweepRows {
			return nil
		}
	}
}

// A messages row goes when no mailbox and nothing restorable has it. COPY and
// MOVE find it through a mailbox_messages row that they hold the mailbox's lock
// of, and EXPUNGE waits for that lock: so as long as anyone may still copy it,
// this statement, which is younger than the removal, sees a row that uses it.
func forgetSlice(ctx context.Context, tx pgx.Tx, pick string, args []any) (gone, freed int64, err error) {
	if _, err := tx.Exec(ctx, sqlOwnSearch, int64(searchLock)); err != nil {
		return 0, 0, err
	}
	rows, err := tx.Query(ctx, `DELETE FROM expunged e USING (`+pick+`) old
		WHERE e.account_id = old.account_id AND e.mailbox_id = old.mailbox_id AND e.uid = old.uid
		RETURNING e.account_id, e.message_id`, append([]any{sweepRows}, args...)...)
	if err != nil {
		return 0, 0, err
	}
	var accounts, messages []int64
	var a, m int64
	if _, err = pgx.ForEachRow(rows, []any{&a, &m}, func() error {
		accounts, messages = append(accounts, a), append(messages, m)
		return nil
	}); err != nil || len(accounts) == 0 {
		return 0, 0, err
	}
	err = tx.QueryRow(ctx, `WITH gone AS (
			DELETE FROM messages m USING (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[])) AS x (account_id, id)
			WHERE m.account_id = x.account_id AND m.id = x.id
				AND NOT EXISTS (SELECT FROM mailbox_messages b WHERE b.account_id = x.account_id AND b.message_id = x.id)
				AND NOT EXISTS (SELECT FROM expunged e WHERE e.account_id = x.account_id AND e.message_id = x.id)
			RETURNING m.account_id, m.id, m.blob_id
		), refs AS (
			DELETE FROM blob_refs r USING gone g
			WHERE r.blob_id = g.blob_id AND r.account_id = g.account_id AND r.holder = g.id
		), orphans AS (
			INSERT INTO blob_orphans (blob_id) SELECT DISTINCT blob_id FROM gone ORDER BY blob_id
			ON CONFLICT (blob_id) DO UPDATE SET orphan_at = excluded.orphan_at
		)
		SELECT count(*) FROM gone`, accounts, messages).Scan(&freed)
	if err == nil {
		err = forgetIndexed(ctx, tx, accounts, messages)
	}
	return int64(len(accounts)), freed, err
}

// sweepAccepted forgets fingerprints that no retry is recognised by any more.
func (s *Store) sweepAccepted(ctx context.Context) (int64, error) {
	return s.sweepRows(ctx, `DELETE FROM accepted WHERE fingerprint IN (SELECT fingerprint FROM accepted
		WHERE accepted_at < now() - $1::interval ORDER BY accepted_at LIMIT $2 FOR UPDATE SKIP LOCKED)`, acceptedFor)
}

// sweepSent forgets the hours that no norm counts any more, and what is no
// longer suppressed.
func (s *Store) sweepSent(ctx context.Context) (int64, error) {
	hours, err := s.sweepRows(ctx, `DELETE FROM sent_hours WHERE (account_id, hour) IN (SELECT account_id, hour FROM sent_hours
		WHERE hour < now() - $1::interval ORDER BY hour LIMIT $2 FOR UPDATE SKIP LOCKED)`, normFor)
	if err != nil {
		return hours, err
	}
	gone, err := s.sweepRows(ctx, `DELETE FROM suppressions WHERE recipient IN (SELECT recipient FROM suppressions
		WHERE expires_at < now() - $1::interval ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`, time.Duration(0))
	return hours + gone, err
}

// sweepRows runs a statement that deletes at most $2 rows older than $1, until
// it finds fewer.
func (s *Store) sweepRows(ctx context.Context, sql string, age time.Duration) (total int64, err error) {
	for {
		tag, err := s.pool.Exec(ctx, sql, age, sweepRows)
		if err != nil {
			return total, dbError(err)
		}
		total += tag.RowsAffected()
		if tag.RowsAffected() < sweepRows {
			return total, nil
		}
	}
}
