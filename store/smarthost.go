package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

const selectSmarthosts = `SELECT domain, host, port, tls, username, password, updated_at FROM smarthosts`

// Smarthost gives the next hop that replaces the MX look-up of a recipient
// domain: its own row, else the one for all. False when mail goes by MX.
func (s *Store) Smarthost(ctx context.Context, domain string) (mail.Smarthost, bool, error) {
	rows, err := s.pool.Query(ctx, selectSmarthosts+` WHERE domain IN ($1, '') ORDER BY domain DESC LIMIT 1`, domain)
	if err != nil {
		return mail.Smarthost{}, false, dbError(err)
	}
	h, err := pgx.CollectOneRow(rows, pgx.RowToStructByPos[mail.Smarthost])
	if errors.Is(err, pgx.ErrNoRows) {
		return mail.Smarthost{}, false, nil
	}
	return h, err == nil, dbError(err)
}

// Smarthosts lists all of them, the one for all domains first.
func (s *Store) Smarthosts(ctx context.Context) ([]mail.Smarthost, error) {
	rows, err := s.pool.Query(ctx, selectSmarthosts+` ORDER BY domain`)
	if err != nil {
		return nil, dbError(err)
	}
	hosts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mail.Smarthost])
	return hosts, dbError(err)
}

// SetSmarthost adds or replaces the row of h.Domain. A password must be sealed
// under the master key of that fingerprint.
func (s *Store) SetSmarthost(ctx context.Context, actor mail.Actor, h mail.Smarthost, fingerprint []byte) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if h.Sealed != nil {
			if err := sealedUnder(ctx, tx, fingerprint); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO smarthosts (domain, host, port, tls, username, password)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (domain) DO UPDATE SET host = excluded.host, port = excluded.port, tls = excluded.tls,
				username = excluded.username, password = excluded.password, updated_at = now()`,
			h.Domain, h.Host, h.Port, h.TLS, h.Username, h.Sealed)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "smarthost.set", smarthostName(h.Domain),
			detail{"host": h.Host, "port": h.Port, "tls": h.TLS, "username": h.Username})
	})
}

// DeleteSmarthost takes the row of a domain ("" for all others) away.
func (s *Store) DeleteSmarthost(ctx context.Context, actor mail.Actor, domain string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM smarthosts WHERE domain = $1`, domain)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "no smarthost for %s", smarthostName(domain))
		}
		return s.audit(ctx, tx, actor, "smarthost.delete", smarthostName(domain), nil)
	})
}

func smarthostName(domain string) string {
	if domain == "" {
		return "all domains"
	}
	return address.DisplayDomain(domain)
}
