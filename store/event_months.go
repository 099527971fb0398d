package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// eventMonths is how many whole months of delivery_events are kept.
	eventMonths = 13
	// monthsAhead are made before their time, while they are still empty.
	monthsAhead = 2
)

// keepEventMonths makes the partitions of this and the next months and drops
// those that are over. One node at a time; a lock that is not free soon is
// tried again at the next turn, so that no delivery waits long.
func (s *Store) keepEventMonths(ctx context.Context, now time.Time) error {
	first := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := range monthsAhead + 1 {
		if err := s.makeEventMonth(ctx, first.AddDate(0, i, 0)); err != nil {
			return err
		}
	}
	return s.dropEventMonths(ctx, monthTable(first.AddDate(0, -eventMonths, 0)))
}

func monthTable(m time.Time) string { return "delivery_events_" + m.Format("200601") }

const monthsLock = 0x706f73746d6f6e // advisory

// makeEventMonth attaches a partition, with the rows that the default one
// took for that month meanwhile.
func (s *Store) makeEventMonth(ctx context.Context, m time.Time) error {
	name, from, to := monthTable(m), m.Format(time.DateOnly), m.AddDate(0, 1, 0).Format(time.DateOnly)
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var there bool
		err := tx.QueryRow(ctx, "SELECT pg_advisory_xact_lock($1)::text = '' AND to_regclass($2) IS NOT NULL", int64(monthsLock), name).Scan(&there)
		if err != nil || there {
			return err
		}
		for _, sql := range []string{
			"SET LOCAL lock_timeout = '2s'",
			fmt.Sprintf("CREATE TABLE %s (LIKE delivery_events INCLUDING DEFAULTS INCLUDING INDEXES)", name),
			"LOCK TABLE delivery_events_rest IN ACCESS EXCLUSIVE MODE",
			fmt.Sprintf("WITH moved AS (DELETE FROM delivery_events_rest WHERE at >= '%s' AND at < '%s' RETURNING *) INSERT INTO %s SELECT * FROM moved", from, to, name),
			fmt.Sprintf("ALTER TABLE delivery_events ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')", name, from, to),
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) dropEventMonths(ctx context.Context, oldest string) error {
	rows, err := s.pool.Query(ctx, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'delivery_events'::regclass AND c.relname ~ '^delivery_events_[0-9]{6}$' AND c.relname < $1`, oldest)
	if err != nil {
		return dbError(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return dbError(err)
	}
	for _, n := range names {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "DROP TABLE IF EXISTS "+pgx.Identifier{n}.Sanitize())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
