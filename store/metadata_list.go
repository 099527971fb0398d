package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// mostListed is how many octets of metadata LIST has in memory at once, beside
// what one mailbox has.
const mostListed = 1 << 20

// ListMetadata gives the shared entries and the user's private ones of these
// names for the first of an account's mailboxes, in the order given: for all of
// them, or as many as there is memory for, but at least one. Names are in lower
// case.
func (s *Store) ListMetadata(ctx context.Context, acct mail.AccountID, mailboxes []mail.MailboxID, user mail.AccountID, names []string) ([][]mail.Annotation, error) {
	rows, err := s.pool.Query(ctx, `SELECT place - 1, entry, value FROM (
			SELECT n.place, m.entry, m.value, sum(64 + octet_length(m.value)) OVER (ORDER BY n.place)
				- sum(64 + octet_length(m.value)) OVER (PARTITION BY n.place) AS before
			FROM unnest($2::bigint[]) WITH ORDINALITY AS n (id, place)
			JOIN metadata m ON m.account_id = $1 AND m.mailbox_id = n.id
			WHERE m.user_id IN (0, $3) AND m.value IS NOT NULL AND m.entry = ANY($4)) x
		WHERE before < $5 ORDER BY place, entry`, acct, mailboxes, user, names, mostListed)
	if err != nil {
		return nil, dbError(err)
	}
	lists := make([][]mail.Annotation, len(mailboxes))
	last, octets := 0, 0
	var a mail.Annotation
	_, err = pgx.ForEachRow(rows, []any{&last, &a.Entry, &a.Value}, func() error {
		lists[last] = append(lists[last], a)
		octets += 64 + len(a.Value)
		a.Value = nil
		return nil
	})
	if octets >= mostListed { // what comes behind was perhaps left out
		lists = lists[:last+1]
	}
	return lists, dbError(err)
}
