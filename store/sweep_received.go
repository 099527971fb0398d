package store

import (
	"context"
	"time"
)

// How long what is known about strangers is kept.
const (
	greylistWaits  = 24 * time.Hour      // for a second try
	greylistPassed = 35 * 24 * time.Hour // after the last mail
	peerHoursFor   = 3 * time.Hour       // only the present one counts
	rejectsFor     = 30 * 24 * time.Hour
)

// sweepReceived forgets peers that did not come again, hours of peers that no
// limit counts any more, and old rejects.
func (s *Store) sweepReceived(ctx context.Context) (total int64, err error) {
	for _, x := range []struct {
		sql string
		age time.Duration
	}{
		{`DELETE FROM greylist WHERE key IN (SELECT key FROM greylist
			WHERE passed_at IS NULL AND first_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)`, greylistWaits},
		{`DELETE FROM greylist WHERE key IN (SELECT key FROM greylist
			WHERE passed_at IS NOT NULL AND last_at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)`, greylistPassed},
		{`DELETE FROM peer_hours WHERE (subject, hour) IN (SELECT subject, hour FROM peer_hours
			WHERE hour < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)`, peerHoursFor},
		{`DELETE FROM rejects WHERE (account_id, id) IN (SELECT account_id, id FROM rejects
			WHERE at < now() - $1::interval LIMIT $2 FOR UPDATE SKIP LOCKED)`, rejectsFor},
	} {
		n, err := s.sweepRows(ctx, x.sql, x.age)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}
