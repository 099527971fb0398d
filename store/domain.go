package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// CreateDomain adds a domain with its DKIM keys, which were sealed under the
// master key of that fingerprint. CodeExists when it is there already.
func (s *Store) CreateDomain(ctx context.Context, actor mail.Actor, name string, keys []mail.DKIMKey, fingerprint []byte) (mail.DomainRecord, error) {
	d := mail.DomainRecord{ID: mail.DomainID(s.NewID()), Name: name}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO domains (id, name) VALUES ($1, $2)
			ON CONFLICT (name) DO NOTHING RETURNING created_at`, d.ID, name).Scan(&d.CreatedAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return mail.Errorf(mail.CodeExists, "domain %s is here already", address.DisplayDomain(name))
		}
		if err != nil {
			return err
		}
		if err := s.insertKeys(ctx, tx, d.ID, keys, fingerprint); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "domain.create", name, nil)
	})
	return d, err
}

// Domain gives one domain by A-label; CodeNotFound when it is not served here.
func (s *Store) Domain(ctx context.Context, name string) (mail.DomainRecord, error) {
	var d mail.DomainRecord
	err := s.pool.QueryRow(ctx, `SELECT id, name, created_at FROM domains WHERE name = $1`, name).
		Scan(&d.ID, &d.Name, &d.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, noDomain(name)
	}
	return d, dbError(err)
}

// DomainHosted tells whether mail for a domain is delivered here. Questions
// that wait together are asked together.
func (s *Store) DomainHosted(ctx context.Context, name string) (bool, error) {
	hit, err := s.lookups.one(ctx, mail.Address{Local: "postmaster", Domain: name})
	return hit.ours, dbError(err)
}

// Domains lists all domains by name, with what they hold. The keys come
// without their sealed part.
func (s *Store) Domains(ctx context.Context) ([]mail.DomainListing, error) {
	rows, err := s.pool.Query(ctx, `SELECT d.id, d.name, d.created_at,
			(SELECT count(*) FROM accounts a WHERE a.domain_id = d.id AND a.deleted_at IS NULL),
			(SELECT count(*) FROM addresses x WHERE x.domain_id = d.id AND x.account_id IS NULL AND x.local_key <> ''),
			(SELECT array_agg(t.target ORDER BY t.target_key) FROM alias_targets t
			 WHERE t.domain_id = d.id AND t.local_key = '')
		FROM domains d ORDER BY d.name`)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (d mail.DomainListing, err error) {
		var catchAll []string
		err = r.Scan(&d.ID, &d.Name, &d.CreatedAt, &d.Accounts, &d.Aliases, &catchAll)
		d.CatchAll = splitAll(catchAll)
		return d, err
	})
	if err != nil {
		return nil, dbError(err)
	}
	keys, err := s.DKIMKeys(ctx, "")
	if err != nil {
		return nil, err
	}
	byDomain := map[string][]mail.DKIMKey{}
	for _, k := range keys {
		k.Sealed = nil
		byDomain[k.Domain] = append(byDomain[k.Domain], k)
	}
	for i := range out {
		out[i].Keys = byDomain[out[i].Name]
	}
	return out, nil
}

// DeleteDomain removes a domain with its aliases, keys and policies. CodeInUse while
// accounts, deleted ones in their restore window included, or queued mail
// still need it.
func (s *Store) DeleteDomain(ctx context.Context, actor mail.Actor, name string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		id, err := lockDomain(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := domainUnused(ctx, tx, id, name); err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM addresses WHERE domain_id = $1`, // alias_targets go with them
			`DELETE FROM domain_keys WHERE domain_id = $1`,
			`DELETE FROM mtasts_policies WHERE domain_id = $1`,
			`DELETE FROM send_limits WHERE id = $1`,
			`DELETE FROM sender_rules WHERE scope = $1`,
			`DELETE FROM domains WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, q, id); err != nil {
				return err
			}
		}
		return s.audit(ctx, tx, actor, "domain.delete", name, nil)
	})
}

// lockDomain keeps others from adding to the domain: an insert that refers to
// it waits for this lock.
func lockDomain(ctx context.Context, tx pgx.Tx, name string) (mail.DomainID, error) {
	var id mail.DomainID
	err := tx.QueryRow(ctx, `SELECT id FROM domains WHERE name = $1 FOR UPDATE`, name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, noDomain(name)
	}
	return id, err
}

func domainUnused(ctx context.Context, tx pgx.Tx, id mail.DomainID, name string) error {
	var live, deleted, queued int64
	// Mail from the domain still needs its signing keys and its DSNs' target.
	err := tx.QueryRow(ctx, `SELECT
			(SELECT count(DISTINCT a.id) FROM accounts a LEFT JOIN addresses x ON x.account_id = a.id
			 WHERE a.deleted_at IS NULL AND (a.domain_id = $1 OR x.domain_id = $1)),
			(SELECT count(DISTINCT a.id) FROM accounts a LEFT JOIN addresses x ON x.account_id = a.id
			 WHERE a.deleted_at IS NOT NULL AND (a.domain_id = $1 OR x.domain_id = $1)),
			(SELECT count(*) FROM queue_messages m WHERE right(m.sender, length($2) + 1) = '@' || $2
			 OR EXISTS (SELECT FROM queue_entries e WHERE e.queue_message_id = m.id AND e.domain = $2))`,
		id, name).Scan(&live, &deleted, &queued)
	if err != nil {
		return err
	}
	shown := address.DisplayDomain(name)
	switch {
	case live > 0:
		return &mail.Error{Code: mail.CodeInUse, Text: fmt.Sprintf("domain %s still has %d accounts", shown, live),
			Hint: "delete them first: postroom account list " + shown}
	case deleted > 0:
		return &mail.Error{Code: mail.CodeInUse,
			Text: fmt.Sprintf("domain %s still has %d deleted accounts in their restore window", shown, deleted),
			Hint: "wait until the window is over, or remove them for good: postroom purge"}
	case queued > 0:
		return &mail.Error{Code: mail.CodeInUse, Text: fmt.Sprintf("%d queued messages are from or to domain %s", queued, shown),
			Hint: "wait until they are delivered, or delete them: postroom queue list"}
	}
	return nil
}

func noDomain(name string) error {
	return &mail.Error{Code: mail.CodeNotFound, Text: fmt.Sprintf("no domain %s here", address.DisplayDomain(name)),
		Hint: "postroom domain list shows the domains; postroom domain add makes one"}
}
