package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// RenameAccount makes another address the primary one. The old one stays the
// account's own unless dropOld is set; a new one may be its own already.
func (s *Store) RenameAccount(ctx context.Context, actor mail.Actor, id mail.AccountID, to mail.Address, dropOld bool) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if err := ownAddress(ctx, tx, id, to); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE accounts SET domain_id = d.id, local_key = $3 FROM domains d
			WHERE accounts.id = $1 AND d.name = $2`, id, to.Domain, address.Key(to.Local))
		if err != nil {
			return err
		}
		if dropOld && !address.Same(now.Address, to) {
			_, err := tx.Exec(ctx, `DELETE FROM addresses x USING domains d
				WHERE d.id = x.domain_id AND d.name = $1 AND x.local_key = $2 AND x.account_id = $3`,
				now.Address.Domain, address.Key(now.Address.Local), id)
			if err != nil {
				return err
			}
		}
		return s.audit(ctx, tx, actor, "account.rename", now.Address.String(), detail{"to": to.String(), "kept_old": !dropOld})
	})
}

// ownAddress makes an address the account's own, if it is not already, in the
// spelling given.
func ownAddress(ctx context.Context, tx pgx.Tx, id mail.AccountID, a mail.Address) error {
	tag, err := tx.Exec(ctx, `UPDATE addresses x SET local = $4 FROM domains d
		WHERE d.id = x.domain_id AND d.name = $1 AND x.local_key = $2 AND x.account_id = $3`,
		a.Domain, address.Key(a.Local), id, a.Local)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	_, err = claimAddress(ctx, tx, a, id)
	return err
}

// SetAccountName changes the display name.
func (s *Store) SetAccountName(ctx context.Context, actor mail.Actor, id mail.AccountID, name string) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET name = $2 WHERE id = $1`, id, name); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.name", now.Address.String(), detail{"name": name})
	})
}

// SetQuota changes the quota in octets; 0 takes it away.
func (s *Store) SetQuota(ctx context.Context, actor mail.Actor, id mail.AccountID, quota int64) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET quota_bytes = $2 WHERE id = $1`, id, quota); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.quota", now.Address.String(),
			detail{"quota_bytes": quota, "before": now.QuotaBytes})
	})
}

// SetMessageQuota changes the quota in messages; 0 takes it away.
func (s *Store) SetMessageQuota(ctx context.Context, actor mail.Actor, id mail.AccountID, quota int64) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET quota_messages = $2 WHERE id = $1`, id, quota); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.quota", now.Address.String(),
			detail{"quota_messages": quota, "before": now.QuotaMessages})
	})
}

// SetIMAPWithout changes which IMAP capabilities the account's sessions do not
// get; they are told at once.
func (s *Store) SetIMAPWithout(ctx context.Context, actor mail.Actor, id mail.AccountID, list []string) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := tx.Exec(ctx, `UPDATE accounts SET imap_without = coalesce($2, '{}'::text[]) WHERE id = $1`, id, list); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.imap_without", now.Address.String(),
			detail{"imap_without": list, "before": now.IMAPWithout})
	})
}

// DisableAccount stops mail and log-in and ends the open sessions; EnableAccount
// undoes it.
func (s *Store) DisableAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error {
	return s.setState(ctx, actor, id, "account.disable", `UPDATE accounts SET disabled_at = coalesce(disabled_at, now()) WHERE id = $1`)
}

// EnableAccount lets a disabled account take mail and log in again.
func (s *Store) EnableAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error {
	return s.setState(ctx, actor, id, "account.enable", `UPDATE accounts SET disabled_at = NULL WHERE id = $1`)
}

// DeleteAccount hides an account and ends its sessions; its mail and addresses
// are kept until SweepDeletedAccounts.
func (s *Store) DeleteAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error {
	return s.setState(ctx, actor, id, "account.delete", `UPDATE accounts SET deleted_at = now() WHERE id = $1`)
}

func (s *Store) setState(ctx context.Context, actor mail.Actor, id mail.AccountID, action, sql string) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if _, err := tx.Exec(ctx, sql, id); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, action, now.Address.String(), nil)
	})
}
