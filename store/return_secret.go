package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

const (
	// returnSecretAge is when the next secret of return addresses is made.
	returnSecretAge = 90 * 24 * time.Hour
	// returnSecretRest is how long a new one only verifies, so that every node
	// knows it before any signs with it.
	returnSecretRest = 10 * time.Minute
	// returnSecretFor is how long one that no longer signs still verifies: more
	// than internal/srs lets an address live.
	returnSecretFor = 60 * 24 * time.Hour
)

// ReturnSecrets gives the secrets of return addresses: that which signs first.
// due tells that AddReturnSecret would make one.
func (s *Store) ReturnSecrets(ctx context.Context) (all []mail.ReturnSecret, due bool, err error) {
	rows, err := s.pool.Query(ctx, `SELECT id, secret, created_at FROM return_secrets
		ORDER BY created_at > now() - $1::interval, created_at DESC, id DESC`, returnSecretRest)
	if err != nil {
		return nil, false, dbError(err)
	}
	if all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[mail.ReturnSecret]); err != nil {
		return nil, false, dbError(err)
	}
	due = true
	for _, x := range all {
		due = due && time.Since(x.CreatedAt) > returnSecretAge
	}
	return all, due, nil
}

// AddReturnSecret makes a secret of return addresses when there is none yet or
// the newest has signed for long, and drops those whose addresses are over.
// seal makes one and seals it for row, under the master key of that
// fingerprint. Of several nodes one makes it.
func (s *Store) AddReturnSecret(ctx context.Context, seal func(row string, fingerprint []byte) ([]byte, error)) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var key []byte
		if err := tx.QueryRow(ctx, `SELECT master_key_fingerprint FROM instance FOR SHARE`).Scan(&key); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `LOCK TABLE return_secrets IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var young bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM return_secrets WHERE created_at > now() - $1::interval)`, returnSecretAge).Scan(&young)
		if err != nil || young {
			return err
		}
		x := mail.ReturnSecret{ID: s.NewID()}
		if x.Sealed, err = seal(x.SecretRow(), key); err != nil {
			return mail.Wrap(mail.CodeUnavailable, err, "the secret of return addresses cannot be sealed now")
		}
		if _, err := tx.Exec(ctx, `DELETE FROM return_secrets r WHERE EXISTS (SELECT FROM return_secrets n
			WHERE n.created_at > r.created_at AND n.created_at < now() - $1::interval)`, returnSecretFor); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO return_secrets (id, secret) VALUES ($1, $2)`, x.ID, x.Sealed)
		return err
	})
}
