package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// acceptedFor is how long a retry of an accepted message is recognised.
const acceptedFor = 4 * time.Hour

// findDuplicates names the units whose fingerprint was accepted within
// acceptedFor, with the first id, and forgets older fingerprints. It runs
// after their group was rolled back.
func (s *Store) findDuplicates(ctx context.Context, units []*unit) error {
	prints := make([][]byte, 0, len(units))
	byPrint := map[string]*unit{}
	for _, u := range units {
		if u.accepted != nil {
			prints = append(prints, u.accepted)
			byPrint[string(u.accepted)] = u
		}
	}
	if _, err := s.deliver.Exec(ctx, "DELETE FROM accepted WHERE fingerprint = ANY($1) AND accepted_at < now() - $2::interval", prints, acceptedFor); err != nil {
		return err
	}
	rows, err := s.deliver.Query(ctx, "SELECT fingerprint, trace_id FROM accepted WHERE fingerprint = ANY($1)", prints)
	if err != nil {
		return err
	}
	p := &partial{refused: map[*unit]error{}}
	var print []byte
	var trace int64
	_, err = pgx.ForEachRow(rows, []any{&print, &trace}, func() error {
		u := byPrint[string(print)]
		u.trace = mail.TraceID(trace)
		p.refused[u] = errDuplicate
		return nil
	})
	if err != nil {
		return err
	}
	return p
}
