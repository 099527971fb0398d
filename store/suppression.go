package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// SuppressFor is how long a recipient stays suppressed after a hard bounce.
const SuppressFor = 30 * 24 * time.Hour

// hardBounce are the enhanced status codes by which a server says that the
// recipient does not exist (RFC 3463 §3.2, RFC 7505 §4.1). Never a transient
// one, nor one about the message.
var hardBounce = map[string]bool{"5.1.1": true, "5.1.2": true, "5.1.6": true, "5.1.10": true}

// suppressBounced adds the recipients that settlements failed for good.
func (w *settleWork) suppressBounced(ctx context.Context, tx pgx.Tx) error {
	var all []mail.Suppression
	for i, x := range w.settlements {
		if w.results[i].Err == nil && x.Outcome == mail.OutcomeFailed && hardBounce[x.Reply.Status] {
			e := w.held[x.Entry]
			all = append(all, mail.Suppression{Address: splitAddress(e.recipient), Reason: replyText(x.Reply), Trace: e.message,
				ExpiresAt: time.Now().Add(SuppressFor)})
		}
	}
	return suppress(ctx, tx, all)
}

// suppress writes suppressions; one that is there already lasts longer.
func suppress(ctx context.Context, tx pgx.Tx, all []mail.Suppression) error {
	if len(all) == 0 {
		return nil
	}
	var keys, addrs, reasons []string
	var traces []int64
	var last []time.Duration
	for _, x := range all {
		keys, addrs, reasons = append(keys, recipientKey(x.Address)), append(addrs, x.Address.String()), append(reasons, safeText(x.Reason))
		traces, last = append(traces, int64(x.Trace)), append(last, time.Until(x.ExpiresAt))
	}
	_, err := tx.Exec(ctx, `INSERT INTO suppressions (recipient, address, reason, trace_id, expires_at)
		SELECT DISTINCT ON (1) key, address, reason, trace_id, now() + lasts
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::interval[]) AS x (key, address, reason, trace_id, lasts)
		ORDER BY 1
		ON CONFLICT (recipient) DO UPDATE SET address = excluded.address, reason = excluded.reason, trace_id = excluded.trace_id,
			created_at = now(), expires_at = greatest(suppressions.expires_at, excluded.expires_at)`,
		keys, addrs, reasons, traces, last)
	return err
}

// Suppressions lists what is in force, newest first: of one domain (A-label)
// or ("") all.
func (s *Store) Suppressions(ctx context.Context, domain string) ([]mail.Suppression, error) {
	rows, err := s.pool.Query(ctx, `SELECT address, reason, trace_id, created_at, expires_at FROM suppressions
		WHERE expires_at > now() AND ($1 = '' OR right(recipient, length($1) + 1) = '@' || $1)
		ORDER BY created_at DESC, recipient`, domain)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanSuppression)
	return out, dbError(err)
}

func scanSuppression(r pgx.CollectableRow) (x mail.Suppression, err error) {
	var a string
	err = r.Scan(&a, &x.Reason, &x.Trace, &x.CreatedAt, &x.ExpiresAt)
	x.Address = splitAddress(a)
	return x, err
}

// Suppressed gives those of the addresses that are suppressed: by key, a
// LATERAL with OFFSET 0 leaves no other way (pinned.go).
func (s *Store) Suppressed(ctx context.Context, to []mail.Address) ([]mail.Suppression, error) {
	rows, err := s.pool.Query(ctx, `SELECT x.recipient, x.reason, x.trace_id, x.created_at, x.expires_at FROM unnest($1::text[]) AS r (recipient)
		CROSS JOIN LATERAL (SELECT * FROM suppressions s WHERE s.recipient = r.recipient OFFSET 0) x
		WHERE x.expires_at > now() ORDER BY 1`, recipientKeys(to))
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, scanSuppression)
	return out, dbError(err)
}

// AddSuppression suppresses a recipient by hand.
func (s *Store) AddSuppression(ctx context.Context, actor mail.Actor, x mail.Suppression) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if err := suppress(ctx, tx, []mail.Suppression{x}); err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "suppression.add", x.Address.String(), detail{"reason": x.Reason, "until": x.ExpiresAt.UTC()})
	})
}

// RemoveSuppression lets a recipient be written to again. CodeNotFound when it
// is not suppressed.
func (s *Store) RemoveSuppression(ctx context.Context, actor mail.Actor, a mail.Address) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var reason string
		err := tx.QueryRow(ctx, `DELETE FROM suppressions WHERE recipient = $1 RETURNING reason`, recipientKey(a)).Scan(&reason)
		if errors.Is(err, pgx.ErrNoRows) {
			return mail.Errorf(mail.CodeNotFound, "%s is not suppressed", address.Display(a))
		}
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, actor, "suppression.remove", a.String(), detail{"reason": reason})
	})
}
