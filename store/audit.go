package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// detail is what an audit row tells beside its target. No secret goes in.
type detail map[string]any

// audit writes who did what to whom, in the transaction that does it.
func (s *Store) audit(ctx context.Context, tx pgx.Tx, actor mail.Actor, action, target string, d detail) error {
	if actor == "" {
		return mail.Errorf(mail.CodeInternal, "an administrative action needs an actor")
	}
	if d == nil {
		d = detail{}
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO audit_log (id, actor, action, target, detail) VALUES ($1, $2, $3, $4, $5)`,
		s.NewID(), string(actor), action, target, b)
	return err
}

// Audit gives the administrative actions since a time, newest first, at most
// limit (0: 1,000).
func (s *Store) Audit(ctx context.Context, since time.Time, limit int) ([]mail.AuditRecord, error) {
	if limit <= 0 {
		limit = 1000
	}
	rows, err := s.pool.Query(ctx, `SELECT id, at, actor, action, target, detail FROM audit_log
		WHERE at >= $1 ORDER BY at DESC, id DESC LIMIT $2`, since, limit)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (a mail.AuditRecord, err error) {
		err = r.Scan(&a.ID, &a.At, &a.Actor, &a.Action, &a.Target, &a.Detail)
		return a, err
	})
	return out, dbError(err)
}
