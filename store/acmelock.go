package store

import (
	"context"
	"time"
)

// TakeACMELock takes a lock that is free, or whose holder did not renew it in
// time; false when another token holds it. The database's clock counts.
func (s *Store) TakeACMELock(ctx context.Context, name string, token int64, lease time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, `INSERT INTO acme_locks (name, token, lease_until) VALUES ($1, $2, now() + $3::interval)
		ON CONFLICT (name) DO UPDATE SET token = excluded.token, lease_until = excluded.lease_until
		WHERE acme_locks.lease_until < now()`, name, token, lease)
	return tag.RowsAffected() == 1, dbError(err)
}

// RenewACMELock extends a lock; false when it was lost.
func (s *Store) RenewACMELock(ctx context.Context, name string, token int64, lease time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE acme_locks SET lease_until = now() + $3::interval WHERE name = $1 AND token = $2`,
		name, token, lease)
	return tag.RowsAffected() == 1, dbError(err)
}

// FreeACMELock gives a lock back; one that was lost stays with its new holder.
func (s *Store) FreeACMELock(ctx context.Context, name string, token int64) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM acme_locks WHERE name = $1 AND token = $2`, name, token)
	return dbError(err)
}
