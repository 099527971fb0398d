package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

const selectKeys = `SELECT k.id, d.name, k.selector, k.algorithm, k.secret, k.public, k.created_at,
		coalesce(k.retired_at, '0001-01-01 00:00:00+00')
	FROM domain_keys k JOIN domains d ON d.id = k.domain_id`

func scanKey(r pgx.CollectableRow) (k mail.DKIMKey, err error) {
	err = r.Scan(&k.ID, &k.Domain, &k.Selector, &k.Algorithm, &k.Sealed, &k.Public, &k.CreatedAt, &k.RetiredAt)
	return k, err
}

// DKIMKeys gives the keys of a domain (A-label), retired ones too, by domain
// and selector; of all domains for "".
func (s *Store) DKIMKeys(ctx context.Context, domain string) ([]mail.DKIMKey, error) {
	rows, err := s.pool.Query(ctx, selectKeys+` WHERE $1 = '' OR d.name = $1 ORDER BY d.name, k.selector`, domain)
	if err != nil {
		return nil, dbError(err)
	}
	keys, err := pgx.CollectRows(rows, scanKey)
	return keys, dbError(err)
}

// SigningKeys gives the keys that a domain signs with now; none for a domain
// that is not ours.
func (s *Store) SigningKeys(ctx context.Context, domain string) ([]mail.DKIMKey, error) {
	rows, err := s.pool.Query(ctx, selectKeys+` WHERE d.name = $1 AND k.retired_at IS NULL
		ORDER BY k.algorithm DESC, k.selector`, domain)
	if err != nil {
		return nil, dbError(err)
	}
	keys, err := pgx.CollectRows(rows, scanKey)
	return keys, dbError(err)
}

// AddDKIMKeys gives a domain more keys, sealed under the master key of that
// fingerprint, and optionally retires those it had.
func (s *Store) AddDKIMKeys(ctx context.Context, actor mail.Actor, domain string, keys []mail.DKIMKey, fingerprint []byte, retireOld bool) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		id, err := lockDomain(ctx, tx, domain)
		if err != nil {
			return err
		}
		if retireOld {
			_, err := tx.Exec(ctx, `UPDATE domain_keys SET retired_at = now() WHERE domain_id = $1 AND retired_at IS NULL`, id)
			if err != nil {
				return err
			}
		}
		if err := s.insertKeys(ctx, tx, id, keys, fingerprint); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "dkim.add", domain, detail{"keys": len(keys), "retired_old": retireOld})
	})
}

// RetireDKIMKey ends signing with a key; its DNS record should stay up until
// the mail it signed is delivered.
func (s *Store) RetireDKIMKey(ctx context.Context, actor mail.Actor, domain, selector string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE domain_keys k SET retired_at = coalesce(retired_at, now())
			FROM domains d WHERE d.id = k.domain_id AND d.name = $1 AND k.selector = $2`, domain, selector)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeNotFound, "domain %s has no DKIM key %s", address.DisplayDomain(domain), selector)
		}
		return s.audit(ctx, tx, actor, "dkim.retire", domain, detail{"selector": selector})
	})
}

func (s *Store) insertKeys(ctx context.Context, tx pgx.Tx, id mail.DomainID, keys []mail.DKIMKey, fingerprint []byte) error {
	if len(keys) == 0 {
		return nil
	}
	if err := sealedUnder(ctx, tx, fingerprint); err != nil {
		return err
	}
	for _, k := range keys {
		tag, err := tx.Exec(ctx, `INSERT INTO domain_keys (id, domain_id, selector, algorithm, secret, public)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (domain_id, selector) DO NOTHING`,
			s.NewID(), id, k.Selector, k.Algorithm, k.Sealed, k.Public)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return mail.Errorf(mail.CodeExists, "DKIM selector %s is taken", k.Selector)
		}
	}
	return nil
}

// sealedUnder makes sure, until the end of tx, that what tx writes is sealed
// under the key this database names: a rotation waits, or has been.
func sealedUnder(ctx context.Context, tx pgx.Tx, fingerprint []byte) error {
	var now []byte
	if err := tx.QueryRow(ctx, `SELECT master_key_fingerprint FROM instance FOR SHARE`).Scan(&now); err != nil {
		return err
	}
	if !bytes.Equal(now, fingerprint) {
		return wrongKey(now)
	}
	return nil
}

func wrongKey(bound []byte) error {
	if bound == nil {
		return &mail.Error{Code: mail.CodeConflict, Text: "no master key is bound to this database yet",
			Hint: "start postroom serve once: it makes and binds the key"}
	}
	return &mail.Error{Code: mail.CodeConflict,
		Text: "this master key is not the one that seals this database's secrets",
		Hint: fmt.Sprintf("the database names the key with fingerprint %x: put that key file (or POSTROOM_MASTER_KEY) back. "+
			"If it is lost, `postroom key rotate --lost` makes a new one: DKIM keys and smarthost passwords are lost with it, mail is not", bound)}
}

// BindMasterKey ties the database to a master key at first start and, later,
// tells with CodeConflict and a hint when another key is used.
func (s *Store) BindMasterKey(ctx context.Context, fingerprint []byte) error {
	var now []byte
	err := s.pool.QueryRow(ctx, `UPDATE instance SET master_key_fingerprint = $1
		WHERE master_key_fingerprint IS NULL RETURNING master_key_fingerprint`, fingerprint).Scan(&now)
	if errors.Is(err, pgx.ErrNoRows) {
		now, err = s.MasterKeyFingerprint(ctx)
	}
	if err != nil {
		return dbError(err)
	}
	if !bytes.Equal(now, fingerprint) {
		return wrongKey(now)
	}
	return nil
}

// MasterKeyFingerprint gives the fingerprint of the key that seals this
// database's secrets; nil before the first start.
func (s *Store) MasterKeyFingerprint(ctx context.Context) ([]byte, error) {
	var now []byte
	err := s.pool.QueryRow(ctx, `SELECT master_key_fingerprint FROM instance`).Scan(&now)
	return now, dbError(err)
}
