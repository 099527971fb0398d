package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

const listAccounts = `SELECT a.id, coalesce(p.local, a.local_key), d.name, a.name, a.quota_bytes, a.quota_messages, a.imap_without,
		a.admin, a.disabled_at IS NOT NULL, a.deleted_at IS NOT NULL, a.change_seq, a.created_at,
		coalesce(a.disabled_at, '0001-01-01 00:00:00+00'), coalesce(a.deleted_at, '0001-01-01 00:00:00+00'),
		coalesce(u.bytes, 0), coalesce(u.messages, 0),
		(SELECT coalesce(sum(e.size), 0)::bigint FROM expunged e WHERE e.account_id = a.id AND NOT e.moved),
		ARRAY(SELECT x.local || '@' || xd.name FROM addresses x JOIN domains xd ON xd.id = x.domain_id
			WHERE x.account_id = a.id ORDER BY xd.name, x.local_key),
		EXISTS (SELECT FROM credentials c WHERE c.account_id = a.id AND c.kind = 'password' AND c.revoked_at IS NULL),
		(SELECT count(*) FROM credentials c WHERE c.account_id = a.id AND c.kind = 'app' AND c.revoked_at IS NULL)
	FROM accounts a JOIN domains d ON d.id = a.domain_id
	LEFT JOIN addresses p ON p.domain_id = a.domain_id AND p.local_key = a.local_key AND p.account_id = a.id
	LEFT JOIN LATERAL (SELECT * FROM account_totals u WHERE u.account_id = a.id) u ON true`

// Accounts lists accounts by domain and local part.
func (s *Store) Accounts(ctx context.Context, f mail.AccountFilter) ([]mail.AccountListing, error) {
	rows, err := s.pool.Query(ctx, listAccounts+` WHERE ($1 = '' OR d.name = $1) AND ($2 OR a.deleted_at IS NULL)
		ORDER BY d.name, a.local_key, a.id`, f.Domain, f.Deleted)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanListing)
	return out, dbError(err)
}

// AccountListing gives one account as Accounts does.
func (s *Store) AccountListing(ctx context.Context, id mail.AccountID) (mail.AccountListing, error) {
	rows, err := s.pool.Query(ctx, listAccounts+` WHERE a.id = $1`, id)
	if err != nil {
		return mail.AccountListing{}, dbError(err)
	}
	l, err := pgx.CollectOneRow(rows, scanListing)
	return l, dbError(err)
}

func scanListing(r pgx.CollectableRow) (l mail.AccountListing, err error) {
	var addresses []string
	err = r.Scan(append(accountFields(&l.AccountRecord), &l.CreatedAt, &l.DisabledAt, &l.DeletedAt,
		&l.Usage.LiveBytes, &l.Usage.Messages, &l.Usage.HeldBytes, &addresses, &l.HasPassword, &l.Apps)...)
	l.Addresses = []mail.Address{l.Address}
	for _, a := range splitAll(addresses) {
		if !address.Same(a, l.Address) {
			l.Addresses = append(l.Addresses, a)
		}
	}
	return l, err
}
