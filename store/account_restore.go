package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// UndeleteAccount brings a deleted account back with its mail, addresses and
// passwords. CodeExpired when its removal has begun.
func (s *Store) UndeleteAccount(ctx context.Context, actor mail.Actor, id mail.AccountID) error {
	return s.changeAny(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		if !now.Deleted {
			return mail.Errorf(mail.CodeConflict, "account %s is not deleted", address.Display(now.Address))
		}
		var whole bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM addresses WHERE account_id = $1)`, id).Scan(&whole)
		if err != nil {
			return err
		}
		if !whole {
			return mail.Errorf(mail.CodeExpired, "account %s is past its restore window", address.Display(now.Address))
		}
		if _, err := tx.Exec(ctx, `UPDATE accounts SET deleted_at = NULL WHERE id = $1`, id); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "account.undelete", now.Address.String(), nil)
	})
}

// SweepDeletedAccounts removes for good the accounts that were deleted before
// a time, and gives how many are gone. It works in short transactions and may
// be stopped anywhere: the next sweep goes on. Their blobs become orphans,
// which the blob sweep takes.
func (s *Store) SweepDeletedAccounts(ctx context.Context, before time.Time) (int, error) {
	rows, err := s.pool.Query(ctx, `SELECT id FROM accounts WHERE deleted_at < $1 ORDER BY id`, before)
	if err != nil {
		return 0, dbError(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[mail.AccountID])
	if err != nil {
		return 0, dbError(err)
	}
	for i, id := range ids {
		if err := s.removeAccount(ctx, id, before); err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

func (s *Store) removeAccount(ctx context.Context, id mail.AccountID, before time.Time) error {
	gone, err := s.beginRemoval(ctx, id, before)
	if err != nil || gone {
		return err
	}
	for _, slice := range removalSlices {
		for {
			n, err := s.removeSlice(ctx, id, slice)
			if err != nil {
				return err
			}
			if n < removalSlice {
				break
			}
		}
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM accounts WHERE id = $1`, id); err != nil {
			return err
		}
		return s.audit(ctx, tx, mail.ActorSystem, "account.purge", "", detail{"account": int64(id)})
	})
}

// beginRemoval takes away all that lets the account come back or get mail. It
// tells true when the account was brought back, or removed, in between.
func (s *Store) beginRemoval(ctx context.Context, id mail.AccountID, before time.Time) (gone bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var still bool
		err := tx.QueryRow(ctx, `SELECT coalesce(deleted_at < $2, false) FROM accounts WHERE id = $1 FOR UPDATE`, id, before).Scan(&still)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && !still {
			gone = true
			return nil
		}
		if err != nil {
			return err
		}
		for _, q := range []string{
			// The state rows are locked in the order of all writers first.
			`SELECT FROM mailbox_state WHERE account_id = $1 ORDER BY account_id, mailbox_id FOR UPDATE`,
			`DELETE FROM mailbox_state WHERE account_id = $1`,
			`DELETE FROM mailboxes WHERE account_id = $1`,
			`DELETE FROM subscriptions WHERE account_id = $1`,
			`DELETE FROM metadata WHERE account_id = $1`,
			`DELETE FROM acl WHERE account_id = $1 OR user_id = $1`,
			`DELETE FROM keywords WHERE account_id = $1`,
			`DELETE FROM credentials WHERE account_id = $1`,
			`DELETE FROM addresses WHERE account_id = $1`,
			`DELETE FROM send_limits WHERE id = $1`,
			`DELETE FROM send_holds WHERE account_id = $1`,
			`DELETE FROM sent_hours WHERE account_id = $1`,
			`DELETE FROM login_failures WHERE account_id = $1`,
			`DELETE FROM sender_rules WHERE scope = $1`,
			`DELETE FROM rejects WHERE account_id = $1`,
		} {
			if _, err := tx.Exec(ctx, q, id); err != nil {
				return err
			}
		}
		return s.notifyTx(ctx, tx, wordAccount(id))
	})
	if err == nil && !gone {
		s.accountChanged(id)
	}
	return gone, err
}

// removalSlice is the number of rows that one transaction of a removal takes.
const removalSlice = 2000

// removalSlices are the statements that remove an account's mail, each at
// most $2 rows at a time. Messages go last, with their refs: whatever stops
// the sweep, no blob loses its last ref unseen.
var removalSlices = []string{
	`WITH gone AS (DELETE FROM known_recipients WHERE account_id = $1 AND recipient IN
		(SELECT recipient FROM known_recipients WHERE account_id = $1 LIMIT $2) RETURNING 1)
	 SELECT count(*) FROM gone`,
	`WITH gone AS (DELETE FROM logins WHERE account_id = $1 AND (network, day, protocol, mechanism, credential_id, reason, client) IN
		(SELECT network, day, protocol, mechanism, credential_id, reason, client FROM logins WHERE account_id = $1 LIMIT $2) RETURNING 1)
	 SELECT count(*) FROM gone`,
	`WITH gone AS (DELETE FROM mailbox_messages WHERE account_id = $1 AND (mailbox_id, uid) IN
		(SELECT mailbox_id, uid FROM mailbox_messages WHERE account_id = $1 LIMIT $2) RETURNING 1)
	 SELECT count(*) FROM gone`,
	`WITH gone AS (DELETE FROM expunged WHERE account_id = $1 AND (mailbox_id, uid) IN
		(SELECT mailbox_id, uid FROM expunged WHERE account_id = $1 LIMIT $2) RETURNING 1)
	 SELECT count(*) FROM gone`,
	`WITH gone AS (DELETE FROM mailbox_changes WHERE account_id = $1 AND (mailbox_id, modseq, kind) IN
		(SELECT mailbox_id, modseq, kind FROM mailbox_changes WHERE account_id = $1 LIMIT $2) RETURNING 1)
	 SELECT count(*) FROM gone`,
	`WITH gone AS (DELETE FROM search_blocks WHERE account_id = $1 AND (segment_id, first_gram) IN
		(SELECT segment_id, first_gram FROM search_blocks WHERE account_id = $1 LIMIT $2) RETURNING 1),
	 segments AS (DELETE FROM search_segments WHERE account_id = $1),
	 dead AS (DELETE FROM search_dead WHERE account_id = $1)
	 SELECT count(*) FROM gone`,
	`WITH gone AS (DELETE FROM messages WHERE account_id = $1 AND id IN
		(SELECT id FROM messages WHERE account_id = $1 LIMIT $2) RETURNING id, blob_id),
	 known AS (DELETE FROM search_messages s USING gone g WHERE s.account_id = $1 AND s.message_id = g.id),
	 refs AS (DELETE FROM blob_refs r USING gone g
		WHERE r.blob_id = g.blob_id AND r.account_id = $1 AND r.holder = g.id),
	 orphans AS (INSERT INTO blob_orphans (blob_id) SELECT DISTINCT blob_id FROM gone
		ON CONFLICT (blob_id) DO UPDATE SET orphan_at = excluded.orphan_at)
	 SELECT count(*) FROM gone`,
}

func (s *Store) removeSlice(ctx context.Context, id mail.AccountID, sql string) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlOwnSearch, int64(searchLock)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, sql, id, removalSlice).Scan(&n)
	})
	return n, err
}
