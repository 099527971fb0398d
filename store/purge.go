package store

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// PurgeArgs says what to purge.
type PurgeArgs struct {
	Account mail.AccountID // 0: every account, deleted accounts too
}

// PurgeResult counts what a purge removed and gave back.
type PurgeResult struct {
	SweepResult
	BytesBefore int64 `json:"bytes_before"` // of the database on disk
	BytesAfter  int64 `json:"bytes_after"`
}

// Purge removes for good what is kept only for restoring, whatever its age:
// expunged messages, deleted accounts, their blobs and change logs. Then it
// gives the disk space back. A table that lost a good part of its rows is
// rewritten, which holds up deliveries into it meanwhile: it is an
// administrator's command, not a habit.
func (s *Store) Purge(ctx context.Context, args PurgeArgs) (PurgeResult, error) {
	var res PurgeResult
	var err error
	if res.BytesBefore, err = s.size(ctx); err != nil {
		return res, err
	}
	if err := s.purgeRows(ctx, args.Account, &res); err != nil {
		return res, err
	}
	if err := s.giveBack(ctx); err != nil {
		return res, err
	}
	res.BytesAfter, err = s.size(ctx)
	return res, err
}

func (s *Store) purgeRows(ctx context.Context, account mail.AccountID, res *PurgeResult) error {
	// A little ahead of this clock, for the database's may be.
	now := time.Now().Add(time.Minute)
	if account == 0 {
		n, err := s.SweepDeletedAccounts(ctx, now)
		if err != nil {
			return err
		}
		res.Accounts = int64(n)
	}
	if err := s.sweepExpunged(ctx, account, now, &res.SweepResult); err != nil {
		return err
	}
	if err := s.sweepSegments(ctx, 0); err != nil {
		return err
	}
	var err error
	if res.Changes, err = s.sweepChanges(ctx, account, now, now); err != nil {
		return err
	}
	// Instead of the hour that sweepBlobs relies on, wait for the transactions
	// that are open now.
	if err := s.outliveTransactions(ctx); err != nil {
		s.log.Warn("old transactions stay open: blobs are left to the sweep", "error", err)
		return nil
	}
	if res.Blobs, err = s.sweepBlobs(ctx, 0); err != nil {
		return err
	}
	res.Accepted, err = s.sweepAccepted(ctx)
	return err
}

func (s *Store) size(ctx context.Context) (n int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
	return n, dbError(err)
}

// outliveTransactions returns once every writing transaction that was open at
// the call is over. Readers (a dump) do not count: they make no refs.
func (s *Store) outliveTransactions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var now time.Time
	if err := s.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return dbError(err)
	}
	for {
		var open bool
		err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
			AND pid <> pg_backend_pid() AND xact_start <= $1 AND application_name LIKE 'postroom%')`, now).Scan(&open)
		if err != nil {
			return dbError(err)
		}
		if !open {
			return nil
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return dbError(ctx.Err())
		}
	}
}
