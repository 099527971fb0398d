package store

import "context"

// ExecForTest runs SQL that no part of the program runs: storetest arranges
// what is otherwise out of reach. Nothing but tests may call it.
func (s *Store) ExecForTest(ctx context.Context, sql string, args ...any) error {
	_, err := s.pool.Exec(ctx, sql, args...)
	return err
}

// QueryForTest reads one row into dest, for tests that check what stands in
// the tables.
func (s *Store) QueryForTest(ctx context.Context, dest []any, sql string, args ...any) error {
	return s.pool.QueryRow(ctx, sql, args...).Scan(dest...)
}
