package store

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// policyNames are the columns of a mail.SendPolicy: policyFields knows them.
var policyNames = []string{"recipients_per_message", "messages_per_hour", "messages_per_day", "recipients_per_hour",
	"recipients_per_day", "new_recipients_per_day", "suspect_per_hour", "pacing"}

// policyColumns reads the policy of table alias.
func policyColumns(alias string) string {
	return alias + "." + strings.Join(policyNames, ", "+alias+".")
}

func policyFields(p *mail.SendPolicy) []any {
	return []any{&p.RecipientsPerMessage, &p.MessagesPerHour, &p.MessagesPerDay, &p.RecipientsPerHour,
		&p.RecipientsPerDay, &p.NewRecipientsPerDay, &p.SuspectPerHour, &p.Pacing}
}

// AccountSendPolicy gives what an account sets itself, and the limits that
// hold for it.
func (s *Store) AccountSendPolicy(ctx context.Context, id mail.AccountID) (own mail.SendPolicy, holds mail.SendLimits, err error) {
	var domain mail.SendPolicy
	err = s.pool.QueryRow(ctx, `SELECT `+policyColumns("p")+`, `+policyColumns("d")+`
		FROM accounts a LEFT JOIN send_limits p ON p.id = a.id LEFT JOIN send_limits d ON d.id = a.domain_id
		WHERE a.id = $1`, id).Scan(append(policyFields(&own), policyFields(&domain)...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return own, holds, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	return own, own.Over(domain.Over(mail.DefaultSendLimits)), dbError(err)
}

// DomainSendPolicy does the same for the accounts of a domain.
func (s *Store) DomainSendPolicy(ctx context.Context, name string) (own mail.SendPolicy, holds mail.SendLimits, err error) {
	err = s.pool.QueryRow(ctx, `SELECT `+policyColumns("p")+`
		FROM domains d LEFT JOIN send_limits p ON p.id = d.id WHERE d.name = $1`, name).Scan(policyFields(&own)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return own, holds, noDomain(name)
	}
	return own, own.Over(mail.DefaultSendLimits), dbError(err)
}

// SetAccountSendPolicy replaces what an account sets itself.
func (s *Store) SetAccountSendPolicy(ctx context.Context, actor mail.Actor, id mail.AccountID, p mail.SendPolicy) error {
	return s.changeAccount(ctx, id, func(tx pgx.Tx, now mail.AccountRecord) error {
		return s.setPolicy(ctx, tx, actor, int64(id), p, "account.limits", now.Address.String())
	})
}

// SetDomainSendPolicy replaces what a domain sets for its accounts.
func (s *Store) SetDomainSendPolicy(ctx context.Context, actor mail.Actor, name string, p mail.SendPolicy) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		id, err := lockDomain(ctx, tx, name)
		if err != nil {
			return err
		}
		return s.setPolicy(ctx, tx, actor, int64(id), p, "domain.limits", name)
	})
}

func (s *Store) setPolicy(ctx context.Context, tx pgx.Tx, actor mail.Actor, id int64, p mail.SendPolicy, action, target string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM send_limits WHERE id = $1`, id); err != nil {
		return err
	}
	what := detail{}
	if p != (mail.SendPolicy{}) {
		_, err := tx.Exec(ctx, `INSERT INTO send_limits (id, `+strings.Join(policyNames, ", ")+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, append([]any{id}, policyFields(&p)...)...)
		if err != nil {
			return err
		}
		for i, v := range []any{p.RecipientsPerMessage, p.MessagesPerHour, p.MessagesPerDay, p.RecipientsPerHour,
			p.RecipientsPerDay, p.NewRecipientsPerDay, p.SuspectPerHour, p.Pacing} {
			what[policyNames[i]] = v
		}
	}
	return s.audit(ctx, tx, actor, action, target, what)
}
