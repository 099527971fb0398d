package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// Bounds of metadata: RFC 5464 §4.1 wants at least 10 entries of 1,024 octets.
const (
	maxAnnotations      = 100      // of a mailbox: shared ones, and private ones of each user
	maxMetadata         = 16 << 20 // octets of an account's mailboxes, each entry with 64 for itself
	maxRemovedMentioned = 100      // removed entries of a mailbox that sessions can still learn of
)

// Metadata gives the shared entries of a mailbox and the user's private ones
// that are named, and those up to depth levels below the names; depth < 0 is
// without end. Names are in lower case. Mailbox 0 is the server.
func (s *Store) Metadata(ctx context.Context, acct mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, names []string, depth int) ([]mail.Annotation, error) {
	rows, err := s.pool.Query(ctx, `SELECT entry, value FROM metadata m
		WHERE account_id = $1 AND mailbox_id = $2 AND user_id IN (0, $3) AND value IS NOT NULL AND EXISTS (
			SELECT FROM unnest($4::text[]) AS n (name) WHERE m.entry = n.name OR starts_with(m.entry, n.name || '/')
				AND ($5 < 0 OR cardinality(string_to_array(substr(m.entry, length(n.name) + 2), '/')) <= $5))
		ORDER BY entry`, acct, mailbox, user, names, depth)
	if err != nil {
		return nil, dbError(err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a mail.Annotation, err error) {
		err = r.Scan(&a.Entry, &a.Value)
		return a, err
	})
	return list, dbError(err)
}

// SetMetadata sets and, where the value is nil, removes entries, all or none,
// and gives the change_seq of the change. The mailbox gets a modseq (RFC 7162
// §3.2). Entries below /private are the user's. CodeNotFound: the mailbox is
// gone; CodeTooMany: no room for more.
func (s *Store) SetMetadata(ctx context.Context, acct mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, list []mail.Annotation) (seq int64, err error) {
	var shared bool
	var modseq mail.ModSeq
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if seq, err = nextChange(ctx, tx, acct); err != nil {
			return err
		}
		if modseq, err = touch(ctx, tx, acct, mailbox); err != nil {
			return err
		}
		if err := writeMetadata(ctx, tx, acct, mailbox, user, seq, list); err != nil {
			return err
		}
		if err := roomForMetadata(ctx, tx, acct, mailbox); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM acl WHERE account_id = $1 AND mailbox_id = $2)`, acct, mailbox).Scan(&shared)
	})
	if err != nil {
		return 0, err
	}
	s.accountChanged(acct)
	if mailbox != 0 {
		s.changed(acct, mailbox, modseq)
	}
	if shared {
		s.accountChanged(everyAccount)
	}
	return seq, nil
}

// nextChange counts a change of the account, under its lock.
func nextChange(ctx context.Context, tx pgx.Tx, acct mail.AccountID) (seq int64, err error) {
	err = tx.QueryRow(ctx, `UPDATE accounts SET change_seq = change_seq + 1 WHERE id = $1 RETURNING change_seq`, acct).Scan(&seq)
	if err != nil {
		return 0, dbError(err)
	}
	return seq, checkNeeds(ctx, tx)
}

// touch gives a mailbox a modseq at which none of its messages changed. The
// server, 0, has none.
func touch(ctx context.Context, tx pgx.Tx, acct mail.AccountID, mailbox mail.MailboxID) (modseq mail.ModSeq, err error) {
	if mailbox == 0 {
		return 0, nil
	}
	if _, err := tx.Exec(ctx, sqlLockStates, acct, []mail.MailboxID{mailbox}); err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, sqlTouch, acct, mailbox).Scan(&modseq)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, noMailbox()
	}
	return modseq, err
}

// writeMetadata writes the entries, the last of a name, and forgets the oldest
// removed ones.
func writeMetadata(ctx context.Context, tx pgx.Tx, acct mail.AccountID, mailbox mail.MailboxID, user mail.AccountID, seq int64, list []mail.Annotation) error {
	names, values := make([]string, len(list)), make([][]byte, len(list))
	for i, a := range list {
		names[i], values[i] = a.Entry, a.Value
	}
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO metadata (account_id, mailbox_id, user_id, entry, value, seq)
		SELECT DISTINCT ON (entry) $1::bigint, $2::bigint, CASE WHEN starts_with(entry, '/private/') THEN $3::bigint ELSE 0 END, entry, value, $4::bigint
		FROM unnest($5::text[], $6::bytea[]) WITH ORDINALITY AS n (entry, value, place) ORDER BY entry, place DESC
		ON CONFLICT (account_id, mailbox_id, user_id, entry) DO UPDATE SET value = excluded.value, seq = excluded.seq`,
		acct, mailbox, user, seq, names, values)
	b.Queue(`DELETE FROM metadata WHERE account_id = $1 AND mailbox_id = $2 AND value IS NULL AND seq < (
		SELECT seq FROM metadata WHERE account_id = $1 AND mailbox_id = $2 AND value IS NULL ORDER BY seq DESC OFFSET $3 - 1 LIMIT 1)`,
		acct, mailbox, maxRemovedMentioned)
	return tx.SendBatch(ctx, b).Close()
}

func roomForMetadata(ctx context.Context, tx pgx.Tx, acct mail.AccountID, mailbox mail.MailboxID) error {
	var most, octets int64
	err := tx.QueryRow(ctx, `SELECT coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM metadata
				WHERE account_id = $1 AND mailbox_id = $2 AND value IS NOT NULL GROUP BY user_id) c), 0),
			coalesce(sum(64 + octet_length(entry) + octet_length(value)), 0)
		FROM metadata WHERE account_id = $1`, acct, mailbox).Scan(&most, &octets)
	if err == nil && (most > maxAnnotations || octets > maxMetadata) {
		return mail.Errorf(mail.CodeTooMany, "no room for more annotations")
	}
	return err
}

// copyMetadata gives a new mailbox the entries of another, of all users.
func (s *Store) copyMetadata(ctx context.Context, acct mail.AccountID, from, to mail.MailboxID) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		seq, err := nextChange(ctx, tx, acct)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO metadata (account_id, mailbox_id, user_id, entry, value, seq)
			SELECT account_id, $3, user_id, entry, value, $4 FROM metadata
			WHERE account_id = $1 AND mailbox_id = $2 AND value IS NOT NULL`, acct, from, to, seq)
		return err
	})
}
