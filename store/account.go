package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// selectAccount reads a mail.AccountRecord: scanAccount knows its columns.
const selectAccount = `SELECT a.id, coalesce(p.local, a.local_key), d.name, a.name, a.quota_bytes, a.quota_messages, a.imap_without,
		a.admin, a.disabled_at IS NOT NULL, a.deleted_at IS NOT NULL, a.change_seq
	FROM accounts a JOIN domains d ON d.id = a.domain_id
	LEFT JOIN addresses p ON p.domain_id = a.domain_id AND p.local_key = a.local_key AND p.account_id = a.id`

func accountFields(a *mail.AccountRecord) []any {
	return []any{&a.ID, &a.Address.Local, &a.Address.Domain, &a.Name, &a.QuotaBytes, &a.QuotaMessages, &a.IMAPWithout, &a.Admin, &a.Disabled, &a.Deleted, &a.ChangeSeq}
}

// CreateAccount makes an account with its address, password and first
// mailboxes. CodeNotFound without the domain, CodeExists for a taken address.
func (s *Store) CreateAccount(ctx context.Context, actor mail.Actor, n mail.NewAccount) (mail.AccountRecord, error) {
	a := mail.AccountRecord{ID: mail.AccountID(s.NewID()), Address: n.Address, Name: n.Name, QuotaBytes: n.QuotaBytes, ChangeSeq: 1}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var domain mail.DomainID
		err := tx.QueryRow(ctx, `INSERT INTO accounts (id, domain_id, local_key, name, quota_bytes)
			SELECT $1, d.id, $3, $4, $5 FROM domains d WHERE d.name = $2 RETURNING domain_id`,
			a.ID, n.Address.Domain, address.Key(n.Address.Local), n.Name, n.QuotaBytes).Scan(&domain)
		if errors.Is(err, pgx.ErrNoRows) {
			return noDomain(n.Address.Domain)
		}
		if err != nil {
			return err
		}
		if _, err := claimAddress(ctx, tx, n.Address, a.ID); err != nil {
			return err
		}
		if n.PasswordHash != "" {
			if err := s.insertPassword(ctx, tx, a.ID, n.PasswordHash, n.PasswordScram); err != nil {
				return err
			}
		}
		if err := s.createFirstMailboxes(ctx, tx, a.ID); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.create", n.Address.String(), detail{"name": n.Name, "quota_bytes": n.QuotaBytes})
	})
	return a, err
}

// AccountByAddress finds an account by any of its own addresses, deleted and
// disabled ones too. CodeNotFound when there is none.
func (s *Store) AccountByAddress(ctx context.Context, a mail.Address) (mail.AccountRecord, error) {
	var acct mail.AccountRecord
	err := s.pool.QueryRow(ctx, sqlAccountByAddress, a.Domain, address.Key(a.Local)).Scan(accountFields(&acct)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return acct, noAccount(a)
	}
	return acct, dbError(err)
}

const sqlAccountByAddress = selectAccount + ` JOIN addresses x ON x.account_id = a.id JOIN domains xd ON xd.id = x.domain_id
	WHERE xd.name = $1 AND x.local_key = $2`

func noAccount(a mail.Address) error {
	return &mail.Error{Code: mail.CodeNotFound, Text: "no account " + address.Display(a),
		Hint: "postroom account list shows the accounts"}
}

// Account gives an account by id.
func (s *Store) Account(ctx context.Context, id mail.AccountID) (mail.AccountRecord, error) {
	var acct mail.AccountRecord
	err := s.pool.QueryRow(ctx, selectAccount+` WHERE a.id = $1`, id).Scan(accountFields(&acct)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return acct, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	return acct, dbError(err)
}

// changeAccount runs f with the account locked, then lets change_seq grow and
// tells the sessions. A deleted account is CodeNotFound.
func (s *Store) changeAccount(ctx context.Context, id mail.AccountID, f func(tx pgx.Tx, now mail.AccountRecord) error) error {
	return s.changeAny(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if now.Deleted {
			return &mail.Error{Code: mail.CodeNotFound, Text: fmt.Sprintf("account %s is deleted", address.Display(now.Address)),
				Hint: "postroom account undelete brings it back within the restore window"}
		}
		return f(tx, now)
	})
}

// changeAny is changeAccount for deleted accounts too.
func (s *Store) changeAny(ctx context.Context, id mail.AccountID, f func(tx pgx.Tx, now mail.AccountRecord) error) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var now mail.AccountRecord
		err := tx.QueryRow(ctx, selectAccount+` WHERE a.id = $1 FOR NO KEY UPDATE OF a`, id).Scan(accountFields(&now)...)
		if errors.Is(err, pgx.ErrNoRows) {
			return mail.Errorf(mail.CodeNotFound, "no such account")
		}
		if err != nil {
			return err
		}
		if err := f(tx, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE accounts SET change_seq = change_seq + 1 WHERE id = $1`, id); err != nil {
			return err
		}
		return s.notifyTx(ctx, tx, wordAccount(id))
	})
	if err == nil {
		s.accountChanged(id)
	}
	return err
}
