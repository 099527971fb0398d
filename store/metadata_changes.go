package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// everyAccount stands in a watch for what accounts share: WatchAccount of it is
// woken by a change of metadata in any shared mailbox.
const everyAccount mail.AccountID = 0

// MetadataChanges gives the entries that a user can see, in his account and in
// those that share with him, and that changed after a change_seq of each, with
// the ones that this is as of. What an account changed that is not in since,
// which may be nil, is not told.
func (s *Store) MetadataChanges(ctx context.Context, user mail.AccountID, since map[mail.AccountID]int64) (list []mail.AnnotationChange, now map[mail.AccountID]int64, err error) {
	// The numbers are read first, so that what changes in between is left for
	// the next call.
	if now, err = s.changeSeqs(ctx, user); err != nil {
		return nil, nil, err
	}
	var accounts, from, to []int64
	for id, seq := range now {
		if last, known := since[id]; known && last < seq {
			accounts, from, to = append(accounts, int64(id)), append(from, last), append(to, seq)
		}
	}
	if len(accounts) == 0 {
		return nil, now, nil
	}
	rows, err := s.pool.Query(ctx, sqlMetadataChanges, user, accounts, from, to, int16(mail.RightLookup), int16(mail.MetadataRights))
	if err != nil {
		return nil, nil, dbError(err)
	}
	list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[mail.AnnotationChange])
	return list, now, dbError(err)
}

const sqlMetadataChanges = `SELECT o.id, CASE WHEN o.id = $1 THEN '' ELSE a.local_key || '@' || d.name END, coalesce(b.name, ''), m.entry, m.seq
	FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS o (id, since, now)
	JOIN metadata m ON m.account_id = o.id AND m.seq > o.since AND m.seq <= o.now AND m.user_id IN (0, $1)
	JOIN accounts a ON a.id = o.id JOIN domains d ON d.id = a.domain_id
	LEFT JOIN mailboxes b ON b.account_id = o.id AND b.id = m.mailbox_id
	WHERE o.id = $1 OR (SELECT bit_or(x.rights) & $5::smallint <> 0 AND bit_or(x.rights) & $6::smallint <> 0 FROM acl x
		WHERE x.account_id = o.id AND x.mailbox_id = m.mailbox_id AND x.user_id IN (0, $1))
	ORDER BY 2, 3, 4`

// changeSeqs gives the change_seq of a user's account and of those that share
// anything with him.
func (s *Store) changeSeqs(ctx context.Context, user mail.AccountID) (map[mail.AccountID]int64, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, change_seq FROM accounts
		WHERE id IN (SELECT account_id FROM acl WHERE user_id IN (0, $1) UNION SELECT $1)`, user)
	if err != nil {
		return nil, dbError(err)
	}
	seqs := map[mail.AccountID]int64{}
	var id mail.AccountID
	var seq int64
	_, err = pgx.ForEachRow(rows, []any{&id, &seq}, func() error {
		seqs[id] = seq
		return nil
	})
	return seqs, dbError(err)
}
