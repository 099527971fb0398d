package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// CountPeers adds what this node counted within an hour, each subject once,
// and gives the sums of all nodes. Rows are taken in the order of their keys:
// two nodes never wait crosswise.
func (s *Store) CountPeers(ctx context.Context, hour time.Time, counts []mail.PeerCount) ([]mail.PeerCount, error) {
	counts = slices.SortedFunc(slices.Values(counts), func(a, b mail.PeerCount) int { return strings.Compare(a.Subject, b.Subject) })
	var subject []string
	var messages, recipients, refused []int32
	for _, c := range counts {
		subject, messages = append(subject, clean(c.Subject)), append(messages, int32(c.Messages))
		recipients, refused = append(recipients, int32(c.Recipients)), append(refused, int32(c.Refused))
	}
	rows, err := s.pool.Query(ctx, `INSERT INTO peer_hours AS h (subject, hour, messages, recipients, refused)
		SELECT subject, $1, messages, recipients, refused
		FROM unnest($2::text[], $3::int[], $4::int[], $5::int[]) AS x (subject, messages, recipients, refused) ORDER BY subject
		ON CONFLICT (subject, hour) DO UPDATE SET messages = h.messages + excluded.messages,
			recipients = h.recipients + excluded.recipients, refused = h.refused + excluded.refused
		RETURNING subject, messages, recipients, refused`, hour, subject, messages, recipients, refused)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.PeerCount])
	return out, dbError(err)
}
