package store

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// sqlGreylist notes the try $2 of network $1 at $3 ($4 wait, $5 window, $6
// good), unless the network has passed. A try that passes makes its network
// pass.
const sqlGreylist = `WITH passed AS (
		SELECT last_at FROM greylist WHERE key = $1 AND passed_at IS NOT NULL AND last_at > $3::timestamptz - $6::interval
	), seen AS (
		UPDATE greylist g SET last_at = $3 FROM passed p WHERE g.key = $1 AND p.last_at < $3 - interval '1 day'
	), try AS (
		INSERT INTO greylist AS g (key, first_at, last_at) SELECT $2, $3, $3 WHERE NOT EXISTS (SELECT FROM passed)
		ON CONFLICT (key) DO UPDATE SET last_at = $3,
			first_at = CASE WHEN g.first_at > $3 - $5::interval THEN g.first_at ELSE $3 END,
			passed_at = CASE WHEN g.first_at > $3 - $5 AND g.first_at <= $3 - $4::interval THEN $3 END
		RETURNING first_at, passed_at
	), believed AS (
		INSERT INTO greylist AS g (key, first_at, last_at, passed_at) SELECT $1, $3, $3, $3 FROM try WHERE passed_at IS NOT NULL
		ON CONFLICT (key) DO UPDATE SET last_at = excluded.last_at, passed_at = excluded.passed_at
	)
	SELECT coalesce((SELECT CASE WHEN passed_at IS NULL THEN first_at + $4 - $3 END FROM try), interval '0')`

// Greylist notes a try and gives how long the peer has to wait before the next
// that passes; 0: it has passed.
func (s *Store) Greylist(ctx context.Context, t mail.GreylistTry) (wait time.Duration, err error) {
	err = s.pool.QueryRow(ctx, sqlGreylist, t.Network, t.Triplet, t.Now, t.Wait, t.Window, t.Good).Scan(&wait)
	return wait, dbError(err)
}
