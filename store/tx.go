package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// txTries bounds the repeats after a deadlock or a serialization failure.
const txTries = 5

// inTx runs f in a READ COMMITTED transaction and commits it. A deadlock or
// serialization failure repeats the whole: f must be able to run again. The
// error is one of internal/mail.
func (s *Store) inTx(ctx context.Context, f func(tx pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, f)
		if err == nil || !repeatable(err) || try == txTries {
			return dbError(err)
		}
		select {
		case <-ctx.Done():
			return dbError(ctx.Err())
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		}
	}
}
