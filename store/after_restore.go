package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// AfterRestore makes a restored dump safe to serve: every mailbox gets a new
// UIDVALIDITY, so that no client shows a wrong message under a UID it knows,
// and all that is queued is held, since the original may have sent it already.
// It gives how many mailboxes and queue entries that were.
func (s *Store) AfterRestore(ctx context.Context, actor mail.Actor) (mailboxes, held int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		// The clock serves a dump whose original went on giving out values:
		// they grow by less than one a second.
		tag, err := tx.Exec(ctx, `WITH locked AS MATERIALIZED (
				SELECT id, greatest(uidvalidity_last, extract(epoch FROM now())::bigint) AS base FROM accounts ORDER BY id FOR UPDATE
			), placed AS (
				SELECT m.account_id, m.id, l.base + row_number() OVER (PARTITION BY m.account_id ORDER BY m.id) AS validity
				FROM mailboxes m JOIN locked l ON l.id = m.account_id
			), raised AS (
				UPDATE accounts a SET uidvalidity_last = p.top, change_seq = a.change_seq + 1
				FROM (SELECT account_id, max(validity) AS top FROM placed GROUP BY account_id) p WHERE a.id = p.account_id
			)
			UPDATE mailboxes m SET uidvalidity = p.validity FROM placed p WHERE m.account_id = p.account_id AND m.id = p.id`)
		if err != nil {
			return err
		}
		mailboxes = tag.RowsAffected()
		if _, err := tx.Exec(ctx, `UPDATE instance SET queue_held_at = now()`); err != nil {
			return err
		}
		tag, err = tx.Exec(ctx, `UPDATE queue_entries SET state = 'held', lease_token = NULL, lease_until = NULL
			WHERE state <> 'held'`)
		if err != nil {
			return err
		}
		held = tag.RowsAffected()
		return s.audit(ctx, tx, actor, "instance.after_restore", "instance", detail{"mailboxes": mailboxes, "queue_held": held})
	})
	return mailboxes, held, err
}
