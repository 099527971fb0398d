package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// TicketKeys gives the keys from a day on, by day.
func (s *Store) TicketKeys(ctx context.Context, from time.Time) ([]mail.TicketKey, error) {
	rows, err := s.pool.Query(ctx, `SELECT day::timestamp AT TIME ZONE 'UTC', sealed FROM ticket_keys WHERE day >= $1::text::date ORDER BY day`,
		from.UTC().Format(time.DateOnly))
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.TicketKey])
	return out, dbError(err)
}

// AddTicketKeys keeps keys of days that have none, sealed under the master key
// of that fingerprint (what another node was quicker with stays), and deletes
// those before a day.
func (s *Store) AddTicketKeys(ctx context.Context, keys []mail.TicketKey, fingerprint []byte, before time.Time) error {
	var days []string
	var sealed [][]byte
	for _, k := range keys {
		days, sealed = append(days, k.SecretRow()), append(sealed, k.Sealed)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := sealedUnder(ctx, tx, fingerprint); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO ticket_keys (day, sealed)
			SELECT * FROM unnest($1::text[]::date[], $2::bytea[]) ON CONFLICT (day) DO NOTHING`, days, sealed); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM ticket_keys WHERE day < $1::text::date`, before.UTC().Format(time.DateOnly))
		return err
	})
}
