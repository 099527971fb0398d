package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// LoadACMEFile gives the sealed value of a path; CodeNotFound without one.
func (s *Store) LoadACMEFile(ctx context.Context, path string) ([]byte, error) {
	var sealed []byte
	err := s.pool.QueryRow(ctx, `SELECT sealed FROM acme_files WHERE path = $1`, path).Scan(&sealed)
	return sealed, dbError(err)
}

// StoreACMEFile writes the value of a path, sealed under the master key of that
// fingerprint.
func (s *Store) StoreACMEFile(ctx context.Context, path string, sealed, fingerprint []byte) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := sealedUnder(ctx, tx, fingerprint); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO acme_files (path, sealed) VALUES ($1, $2)
			ON CONFLICT (path) DO UPDATE SET sealed = excluded.sealed, updated_at = now()`, path, sealed)
		return err
	})
}

// DeleteACMEFiles removes a path and all below it; none there is no error.
func (s *Store) DeleteACMEFiles(ctx context.Context, path string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM acme_files WHERE path = $1 OR starts_with(path, $1 || '/')`, path)
	return dbError(err)
}

// ACMEFiles lists a path, when it has a value, and all below it; "" is above
// all.
func (s *Store) ACMEFiles(ctx context.Context, path string) ([]mail.ACMEFile, error) {
	rows, err := s.pool.Query(ctx, `SELECT path, updated_at FROM acme_files
		WHERE $1 IN ('', path) OR starts_with(path, $1 || '/') ORDER BY path`, path)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.ACMEFile])
	return out, dbError(err)
}
