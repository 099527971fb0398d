package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// splitAddress reads local@domain as it stands in our tables, where it was
// checked before it was written.
func splitAddress(s string) mail.Address {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return mail.Address{}
	}
	return mail.Address{Local: s[:i], Domain: s[i+1:]}
}

func splitAll(s []string) []mail.Address {
	if len(s) == 0 {
		return nil
	}
	out := make([]mail.Address, len(s))
	for i := range s {
		out[i] = splitAddress(s[i])
	}
	return out
}

// compareKey is the form in which whole addresses are compared.
func compareKey(a mail.Address) string { return address.Key(a.Local) + "@" + a.Domain }

// claimAddress takes an address for an account, or for an alias when acct is
// 0. CodeExists tells who has it.
func claimAddress(ctx context.Context, tx pgx.Tx, a mail.Address, acct mail.AccountID) (mail.DomainID, error) {
	var domain mail.DomainID
	err := tx.QueryRow(ctx, `SELECT id FROM domains WHERE name = $1 FOR KEY SHARE`, a.Domain).Scan(&domain)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, noDomain(a.Domain)
	}
	if err != nil {
		return 0, err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO addresses (domain_id, local_key, local, account_id)
		VALUES ($1, $2, $3, nullif($4::bigint, 0)) ON CONFLICT DO NOTHING`, domain, address.Key(a.Local), a.Local, acct)
	if err != nil {
		return 0, err
	}
	if tag.RowsAffected() == 0 {
		return 0, addressTaken(ctx, tx, domain, a)
	}
	return domain, nil
}

func addressTaken(ctx context.Context, tx pgx.Tx, domain mail.DomainID, a mail.Address) error {
	var isAlias, deleted bool
	err := tx.QueryRow(ctx, `SELECT x.account_id IS NULL, coalesce(a.deleted_at IS NOT NULL, false)
		FROM addresses x LEFT JOIN accounts a ON a.id = x.account_id
		WHERE x.domain_id = $1 AND x.local_key = $2`, domain, address.Key(a.Local)).Scan(&isAlias, &deleted)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	e := mail.Errorf(mail.CodeExists, "%s is taken by an account", address.Display(a))
	switch {
	case isAlias && a.Local == "":
		e.Text = "domain " + address.DisplayDomain(a.Domain) + " has a catch-all already"
	case isAlias:
		e.Text = address.Display(a) + " is an alias already"
	case deleted:
		e.Text = address.Display(a) + " belongs to a deleted account in its restore window"
		e.Hint = "bring it back with postroom account undelete, or remove it for good with postroom purge"
	}
	return e
}

// AddAddress gives an account one more address of its own.
func (s *Store) AddAddress(ctx context.Context, actor mail.Actor, acct mail.AccountID, a mail.Address) error {
	return s.changeAccount(ctx, acct, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := claimAddress(ctx, tx, a, acct); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "address.add", now.Address.String(), detail{"address": a.String()})
	})
}

// RemoveAddress takes an address away from its account; the primary one stays
// (CodeInUse).
func (s *Store) RemoveAddress(ctx context.Context, actor mail.Actor, acct mail.AccountID, a mail.Address) error {
	return s.changeAccount(ctx, acct, func(tx pgx.Tx, now mail.AccountRecord) error {
		if address.Same(now.Address, a) {
			return &mail.Error{Code: mail.CodeInUse, Text: address.Display(a) + " is the account's primary address",
				Hint: "rename the account first: postroom account rename"}
		}
		tag, err := tx.Exec(ctx, `DELETE FROM addresses x USING domains d
			WHERE d.id = x.domain_id AND d.name = $1 AND x.local_key = $2 AND x.account_id = $3`,
			a.Domain, address.Key(a.Local), acct)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "%s is not an address of that account", address.Display(a))
		}
		return s.audit(ctx, tx, actor, "address.remove", now.Address.String(), detail{"address": a.String()})
	})
}
