package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// MaxAliasTargets bounds the targets of one alias, and what one recipient may
// expand to.
const MaxAliasTargets = 1000

// SetAlias makes an alias, or replaces its targets when replace is set
// (CodeExists else). Local "" is the domain's catch-all.
func (s *Store) SetAlias(ctx context.Context, actor mail.Actor, a mail.Alias, replace bool) error {
	if len(a.Targets) == 0 || len(a.Targets) > MaxAliasTargets {
		return mail.Errorf(mail.CodeTooMany, "an alias has 1 to %d targets", MaxAliasTargets)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		domain, err := claimAlias(ctx, tx, a.Address(), replace)
		if err != nil {
			return err
		}
		key := address.Key(a.Local)
		if _, err := tx.Exec(ctx, `DELETE FROM alias_targets WHERE domain_id = $1 AND local_key = $2`, domain, key); err != nil {
			return err
		}
		targets, keys := make([]string, len(a.Targets)), make([]string, len(a.Targets))
		for i, t := range a.Targets {
			targets[i], keys[i] = t.String(), compareKey(t)
		}
		_, err = tx.Exec(ctx, `INSERT INTO alias_targets (domain_id, local_key, target, target_key)
			SELECT $1, $2, t, k FROM unnest($3::text[], $4::text[]) AS x(t, k) ON CONFLICT DO NOTHING`,
			domain, key, targets, keys)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "alias.set", a.Local+"@"+a.Domain, detail{"targets": targets})
	})
}

func claimAlias(ctx context.Context, tx pgx.Tx, a mail.Address, replace bool) (mail.DomainID, error) {
	if replace {
		var domain mail.DomainID
		err := tx.QueryRow(ctx, `UPDATE addresses x SET local = $3 FROM domains d
			WHERE d.id = x.domain_id AND d.name = $1 AND x.local_key = $2 AND x.account_id IS NULL RETURNING d.id`,
			a.Domain, address.Key(a.Local), a.Local).Scan(&domain)
		if !errors.Is(err, pgx.ErrNoRows) {
			return domain, err
		}
	}
	return claimAddress(ctx, tx, a, 0)
}

// Aliases lists the aliases of a domain (A-label), or of all for "", by
// domain and local part; the catch-all comes first.
func (s *Store) Aliases(ctx context.Context, domain string) ([]mail.Alias, error) {
	rows, err := s.pool.Query(ctx, `SELECT d.name, x.local, x.created_at,
			(SELECT array_agg(t.target ORDER BY t.target_key) FROM alias_targets t
			 WHERE t.domain_id = x.domain_id AND t.local_key = x.local_key)
		FROM addresses x JOIN domains d ON d.id = x.domain_id
		WHERE x.account_id IS NULL AND ($1 = '' OR d.name = $1) ORDER BY d.name, x.local_key`, domain)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanAlias)
	return out, dbError(err)
}

// Alias gives one alias; CodeNotFound when that address is none.
func (s *Store) Alias(ctx context.Context, a mail.Address) (mail.Alias, error) {
	rows, err := s.pool.Query(ctx, `SELECT d.name, x.local, x.created_at,
			(SELECT array_agg(t.target ORDER BY t.target_key) FROM alias_targets t
			 WHERE t.domain_id = x.domain_id AND t.local_key = x.local_key)
		FROM addresses x JOIN domains d ON d.id = x.domain_id
		WHERE x.account_id IS NULL AND d.name = $1 AND x.local_key = $2`, a.Domain, address.Key(a.Local))
	if err != nil {
		return mail.Alias{}, dbError(err)
	}
	out, err := pgx.CollectOneRow(rows, scanAlias)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, noAlias(a)
	}
	return out, dbError(err)
}

func scanAlias(r pgx.CollectableRow) (a mail.Alias, err error) {
	var targets []string
	err = r.Scan(&a.Domain, &a.Local, &a.CreatedAt, &targets)
	a.Targets = splitAll(targets)
	return a, err
}

// DeleteAlias removes an alias or catch-all.
func (s *Store) DeleteAlias(ctx context.Context, actor mail.Actor, a mail.Address) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM addresses x USING domains d
			WHERE d.id = x.domain_id AND d.name = $1 AND x.local_key = $2 AND x.account_id IS NULL`,
			a.Domain, address.Key(a.Local))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return noAlias(a)
		}
		return s.audit(ctx, tx, actor, "alias.delete", a.Local+"@"+a.Domain, nil)
	})
}

// RenameAlias moves an alias with its targets to another address; keepOld
// makes the old address an alias to the new one.
func (s *Store) RenameAlias(ctx context.Context, actor mail.Actor, from, to mail.Address, keepOld bool) error {
	old, err := s.Alias(ctx, from)
	if err != nil {
		return err
	}
	if address.Same(from, to) { // only the spelling changes
		old.Local = to.Local
		return s.SetAlias(ctx, actor, old, true)
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		domain, err := claimAddress(ctx, tx, to, 0)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE alias_targets t SET domain_id = $1, local_key = $2
			FROM domains d WHERE d.id = t.domain_id AND d.name = $3 AND t.local_key = $4`,
			domain, address.Key(to.Local), from.Domain, address.Key(from.Local))
		if err != nil {
			return err
		}
		q := `DELETE FROM addresses x USING domains d WHERE d.id = x.domain_id AND d.name = $1 AND x.local_key = $2`
		args := []any{from.Domain, address.Key(from.Local)}
		if keepOld {
			q = `INSERT INTO alias_targets (domain_id, local_key, target, target_key)
				SELECT id, $2, $3, $4 FROM domains WHERE name = $1`
			args = append(args, to.String(), compareKey(to))
		}
		if _, err := tx.Exec(ctx, q, args...); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "alias.rename", from.String(), detail{"to": to.String(), "kept_old": keepOld})
	})
}

func noAlias(a mail.Address) error {
	shown := address.Display(a)
	if a.Local == "" {
		shown = "catch-all of " + address.DisplayDomain(a.Domain)
	}
	return &mail.Error{Code: mail.CodeNotFound, Text: fmt.Sprintf("no alias %s", shown), Hint: "postroom alias list shows them"}
}
