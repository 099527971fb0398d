package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// SetAccountAdmin says whether an account's owner may set the quotas of others.
func (s *Store) SetAccountAdmin(ctx context.Context, actor mail.Actor, id mail.AccountID, admin bool) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET admin = $2 WHERE id = $1`, id, admin); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.admin", now.Address.String(), detail{"admin": admin, "before": now.Admin})
	})
}

// SetQuotas replaces both quotas of an account; 0 is none. It is by who must be an
// administrator when it is written, else CodeNoPermission.
func (s *Store) SetQuotas(ctx context.Context, actor mail.Actor, by, id mail.AccountID, octets, messages int64) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if err := lockAdmin(ctx, tx, by); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE accounts SET quota_bytes = $2, quota_messages = $3 WHERE id = $1`, id, octets, messages); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.quota", now.Address.String(),
			detail{"quota_bytes": octets, "quota_messages": messages, "before": []int64{now.QuotaBytes, now.QuotaMessages}})
	})
}

// lockAdmin keeps an account an administrator until the end of the transaction.
func lockAdmin(ctx context.Context, tx pgx.Tx, id mail.AccountID) error {
	var admin bool
	err := tx.QueryRow(ctx, `SELECT admin AND disabled_at IS NULL AND deleted_at IS NULL FROM accounts WHERE id = $1 FOR SHARE`, id).Scan(&admin)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !admin {
		return mail.Errorf(mail.CodeNoPermission, "quotas are set by administrators")
	}
	return err
}
