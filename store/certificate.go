package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Certificates gives every name that has or waits for a certificate, without
// its sealed part, by name.
func (s *Store) Certificates(ctx context.Context) ([]mail.Certificate, error) {
	rows, err := s.pool.Query(ctx, `SELECT name, directory, issuer, not_before, not_after, issued_at,
			error, failures, failed_at, retry_at, renew_asked_at FROM certificates ORDER BY name`)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (c mail.Certificate, err error) {
		var before, after, issued, failed, retry, asked *time.Time
		err = r.Scan(&c.Name, &c.Directory, &c.Issuer, &before, &after, &issued, &c.Error, &c.Failures, &failed, &retry, &asked)
		c.NotBefore, c.NotAfter, c.IssuedAt = orZero(before), orZero(after), orZero(issued)
		c.FailedAt, c.RetryAt, c.RenewAskedAt = orZero(failed), orZero(retry), orZero(asked)
		return c, err
	})
	return out, dbError(err)
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// SealedCertificates gives the sealed part of those names that have one.
func (s *Store) SealedCertificates(ctx context.Context, names []string) (map[string][]byte, error) {
	rows, err := s.pool.Query(ctx, `SELECT name, sealed FROM certificates WHERE name = ANY($1) AND sealed IS NOT NULL`, names)
	if err != nil {
		return nil, dbError(err)
	}
	out := map[string][]byte{}
	var name string
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&name, &sealed}, func() error {
		out[name] = append([]byte(nil), sealed...)
		return nil
	})
	return out, dbError(err)
}

// WantCertificates makes the names known, and forgets those that are not among
// them and have no certificate that is good beyond now.
func (s *Store) WantCertificates(ctx context.Context, names []string, now time.Time) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO certificates (name) SELECT unnest($1::text[])
			ON CONFLICT (name) DO NOTHING`, names); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM certificates WHERE name <> ALL(coalesce($1, '{}'::text[])) AND coalesce(not_after <= $2, true)`, names, now)
		return err
	})
}

// SaveCertificate puts a new certificate in the place of the old one; errors
// and wishes about the old one are settled by it. It is sealed under the master
// key of that fingerprint.
func (s *Store) SaveCertificate(ctx context.Context, c mail.Certificate, fingerprint []byte) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := sealedUnder(ctx, tx, fingerprint); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO certificates (name, sealed, directory, issuer, not_before, not_after, issued_at)
			VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
			ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, directory = excluded.directory, issuer = excluded.issuer,
				not_before = excluded.not_before, not_after = excluded.not_after, issued_at = excluded.issued_at,
				error = '', failures = 0, failed_at = NULL, retry_at = NULL, renew_asked_at = NULL`,
			c.Name, c.Sealed, c.Directory, safeText(c.Issuer), c.NotBefore, c.NotAfter)
		return err
	})
}

// FailCertificate notes that an attempt failed at that time, and that none is
// made before retry. The certificate itself stays.
func (s *Store) FailCertificate(ctx context.Context, name, reason string, at, retry time.Time) error {
	_, err := s.pool.Exec(ctx, `UPDATE certificates SET error = $2, failures = failures + 1, failed_at = $3, retry_at = $4,
		renew_asked_at = NULL WHERE name = $1`, name, safeText(reason), at, retry)
	return dbError(err)
}

// AskRenewal wants new certificates now: of one name, or ("") of all.
// CodeNotFound when there is no such name.
func (s *Store) AskRenewal(ctx context.Context, actor mail.Actor, name string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE certificates SET renew_asked_at = now(), retry_at = NULL WHERE $1 IN ('', name)`, name)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "no certificate of that name is kept by ACME here")
		}
		target := name
		if target == "" {
			target = "all"
		}
		return s.audit(ctx, tx, actor, "certificate.renew", target, detail{"names": tag.RowsAffected()})
	})
}
