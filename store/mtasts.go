package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// MTASTS gives the MTA-STS policy of a domain (A-label); false when it has
// none, CodeNotFound when the domain is not served here.
func (s *Store) MTASTS(ctx context.Context, domain string) (p mail.MTASTS, ok bool, err error) {
	var mode *string
	var seconds *int64
	err = s.pool.QueryRow(ctx, `SELECT p.mode, p.max_age, p.mx
		FROM domains d LEFT JOIN mtasts_policies p ON p.domain_id = d.id WHERE d.name = $1`, domain).Scan(&mode, &seconds, &p.MX)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, false, noDomain(domain)
	}
	if err != nil || mode == nil {
		return p, false, dbError(err)
	}
	p.Mode, p.MaxAge = *mode, time.Duration(*seconds)*time.Second
	return p, true, nil
}

// SetMTASTS replaces the policy of a domain; nil takes it away.
func (s *Store) SetMTASTS(ctx context.Context, actor mail.Actor, domain string, p *mail.MTASTS) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		id, err := lockDomain(ctx, tx, domain)
		if err != nil {
			return err
		}
		if p == nil {
			if _, err := tx.Exec(ctx, `DELETE FROM mtasts_policies WHERE domain_id = $1`, id); err != nil {
				return err
			}
			return s.audit(ctx, tx, actor, "domain.mta-sts", domain, detail{"mode": nil})
		}
		seconds := int64(p.MaxAge / time.Second)
		if _, err := tx.Exec(ctx, `INSERT INTO mtasts_policies (domain_id, mode, max_age, mx) VALUES ($1, $2, $3, $4)
			ON CONFLICT (domain_id) DO UPDATE SET mode = excluded.mode, max_age = excluded.max_age, mx = excluded.mx`,
			id, p.Mode, seconds, p.MX); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "domain.mta-sts", domain, detail{"mode": p.Mode, "max_age": seconds, "mx": p.MX})
	})
}
