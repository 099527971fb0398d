package store

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// credentialColumns reads a mail.CredentialRecord of table c: by position.
const credentialColumns = `c.id, c.account_id, c.kind, c.label, coalesce(c.prefix, ''), c.hash, coalesce(c.scram, ''),
	c.created_at, coalesce(c.last_used_at, '0001-01-01 00:00:00+00')`

func credentialFields(c *mail.CredentialRecord) []any {
	return []any{&c.ID, &c.Account, &c.Kind, &c.Label, &c.Prefix, &c.Hash, &c.Scram, &c.CreatedAt, &c.LastUsedAt}
}

// LoginCredentials finds the account that logs in with an address (any of its
// own, no +tag, no alias) and its valid credentials, the chosen password
// first. CodeNotFound when there is no such account; a disabled or deleted one
// is returned as such. One round trip.
func (s *Store) LoginCredentials(ctx context.Context, login mail.Address) (mail.AccountRecord, []mail.CredentialRecord, error) {
	var acct mail.AccountRecord
	var creds []mail.CredentialRecord
	var found bool
	key := address.Key(login.Local)
	b := &pgx.Batch{}
	b.Queue(sqlAccountByAddress, login.Domain, key).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, accountFields(&acct), func() error { found = true; return nil })
		return err
	})
	b.Queue(`SELECT `+credentialColumns+` FROM domains d JOIN addresses x ON x.domain_id = d.id JOIN credentials c ON c.account_id = x.account_id
		WHERE d.name = $1 AND x.local_key = $2 AND c.revoked_at IS NULL ORDER BY c.kind DESC, c.id`, login.Domain, key).Query(
		func(rows pgx.Rows) (err error) {
			creds, err = pgx.CollectRows(rows, credentialOfRow)
			return err
		})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return acct, nil, dbError(err)
	}
	if !found {
		return acct, nil, noAccount(login)
	}
	// The address may have moved to another account between the statements.
	creds = slices.DeleteFunc(creds, func(c mail.CredentialRecord) bool { return c.Account != acct.ID })
	return acct, creds, nil
}

func credentialOfRow(r pgx.CollectableRow) (c mail.CredentialRecord, err error) {
	err = r.Scan(credentialFields(&c)...)
	return c, err
}

// Credentials lists the valid credentials of an account, the chosen password
// first, then app passwords from the oldest.
func (s *Store) Credentials(ctx context.Context, acct mail.AccountID) ([]mail.CredentialRecord, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+credentialColumns+` FROM credentials c
		WHERE c.account_id = $1 AND c.revoked_at IS NULL ORDER BY c.kind DESC, c.id`, acct)
	if err != nil {
		return nil, dbError(err)
	}
	cs, err := pgx.CollectRows(rows, credentialOfRow)
	return cs, dbError(err)
}

// AppCredential finds a valid app password by its public prefix, with its
// account. CodeNotFound when there is none.
func (s *Store) AppCredential(ctx context.Context, prefix string) (mail.AccountRecord, mail.CredentialRecord, error) {
	var c mail.CredentialRecord
	err := s.pool.QueryRow(ctx, `SELECT `+credentialColumns+` FROM credentials c
		WHERE c.prefix = $1 AND c.revoked_at IS NULL`, prefix).Scan(credentialFields(&c)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return mail.AccountRecord{}, c, mail.Errorf(mail.CodeNotFound, "no such app password")
	}
	if err != nil {
		return mail.AccountRecord{}, c, dbError(err)
	}
	acct, err := s.Account(ctx, c.Account)
	return acct, c, err
}

// TouchCredential notes that a credential was used, at most once a minute: a
// phone that reconnects every few seconds makes no row versions of it.
func (s *Store) TouchCredential(ctx context.Context, id mail.CredentialID) error {
	_, err := s.pool.Exec(ctx, `UPDATE credentials SET last_used_at = now()
		WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`, id)
	return dbError(err)
}

// AccountState tells a live session whether it may go on. An account that is
// gone is Deleted.
func (s *Store) AccountState(ctx context.Context, acct mail.AccountID) (mail.AccountState, error) {
	var st mail.AccountState
	err := s.pool.QueryRow(ctx, `SELECT change_seq, disabled_at IS NOT NULL, deleted_at IS NOT NULL,
			ARRAY(SELECT c.id FROM credentials c WHERE c.account_id = a.id AND c.revoked_at IS NULL ORDER BY c.id), imap_without
		FROM accounts a WHERE id = $1`, acct).Scan(&st.ChangeSeq, &st.Disabled, &st.Deleted, &st.Credentials, &st.IMAPWithout)
	if errors.Is(err, pgx.ErrNoRows) {
		return mail.AccountState{Deleted: true}, nil
	}
	return st, dbError(err)
}

// SetPassword replaces the chosen password (argon2id PHC string, and its SCRAM
// keys or "") and ends the sessions that logged in with the old one.
func (s *Store) SetPassword(ctx context.Context, actor mail.Actor, acct mail.AccountID, hash, scram string) error {
	return s.changeAccount(ctx, acct, func(tx pgx.Tx, now mail.AccountRecord) error {
		_, err := tx.Exec(ctx, `UPDATE credentials SET revoked_at = now()
			WHERE account_id = $1 AND kind = 'password' AND revoked_at IS NULL`, acct)
		if err != nil {
			return err
		}
		if err := s.insertPassword(ctx, tx, acct, hash, scram); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "credential.password", now.Address.String(), nil)
	})
}

func (s *Store) insertPassword(ctx context.Context, tx pgx.Tx, acct mail.AccountID, hash, scram string) error {
	_, err := tx.Exec(ctx, `INSERT INTO credentials (id, account_id, kind, hash, scram)
		VALUES ($1, $2, 'password', $3, nullif($4, ''))`, s.NewID(), acct, hash, scram)
	return err
}

// AddAppPassword adds an app password: c.Label, c.Prefix, c.Hash and c.Scram
// are written. CodeExists when the prefix is taken: make another.
func (s *Store) AddAppPassword(ctx context.Context, actor mail.Actor, c mail.CredentialRecord) (mail.CredentialRecord, error) {
	c.ID, c.Kind = mail.CredentialID(s.NewID()), mail.CredentialApp
	err := s.changeAccount(ctx, c.Account, func(tx pgx.Tx, now mail.AccountRecord) error {
		err := tx.QueryRow(ctx, `INSERT INTO credentials (id, account_id, kind, label, prefix, hash, scram)
			VALUES ($1, $2, 'app', $3, $4, $5, nullif($6, '')) RETURNING created_at`,
			c.ID, c.Account, c.Label, c.Prefix, c.Hash, c.Scram).Scan(&c.CreatedAt)
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "credential.app", now.Address.String(), detail{"label": c.Label, "credential": int64(c.ID)})
	})
	return c, err
}

// RevokeCredential ends a credential and the sessions that logged in with it.
func (s *Store) RevokeCredential(ctx context.Context, actor mail.Actor, acct mail.AccountID, id mail.CredentialID) error {
	return s.changeAny(ctx, acct, func(tx pgx.Tx, now mail.AccountRecord) error {
		var label string
		err := tx.QueryRow(ctx, `UPDATE credentials SET revoked_at = now()
			WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL RETURNING label`, id, acct).Scan(&label)
		if errors.Is(err, pgx.ErrNoRows) {
			return mail.Errorf(mail.CodeNotFound, "%s has no such valid credential", address.Display(now.Address))
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "credential.revoke", now.Address.String(), detail{"label": label, "credential": int64(id)})
	})
}
