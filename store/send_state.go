package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// thisHour is the hour that sent_hours counts in now. A day is it and the 23
// before. A database of tests moves it (storetest), so that none ends while
// they run.
const thisHour = `date_trunc('hour', now() + coalesce(nullif(current_setting('postroom.hour_shift', true), ''), '0')::interval, 'UTC')`

// Days of which the norm of an account is the average.
const normFor = 30 * 24 * time.Hour

// sqlSendState reads all that a submission of account $1 to the recipients $2
// is judged by. $3 is normFor. A LATERAL with OFFSET 0 leaves one way to read a
// table, by its key (pinned.go).
var sqlSendState = `SELECT ` + policyColumns("p") + `, ` + policyColumns("d") + `, h.*,
		(SELECT count(*) - count(k.recipient) FROM unnest($2::text[]) AS r (recipient) LEFT JOIN LATERAL
			(SELECT recipient FROM known_recipients x WHERE x.account_id = a.id AND x.recipient = r.recipient OFFSET 0) k ON true),
		ARRAY(SELECT x.recipient FROM unnest($2::text[]) AS r (recipient) CROSS JOIN LATERAL
			(SELECT recipient, expires_at FROM suppressions s WHERE s.recipient = r.recipient OFFSET 0) x
			WHERE x.expires_at > now() ORDER BY 1),
		CASE WHEN o.resumed_at IS NULL THEN coalesce(o.reason, '') ELSE '' END,
		coalesce(o.resumed_at > now() - interval '24 hours', false)
	FROM accounts a LEFT JOIN send_limits p ON p.id = a.id LEFT JOIN send_limits d ON d.id = a.domain_id
	LEFT JOIN send_holds o ON o.account_id = a.id
	CROSS JOIN LATERAL (
		SELECT ` + sums("coalesce(sum(%s) FILTER (WHERE hour = "+thisHour+"), 0)") + `,
			` + sums("coalesce(sum(%s) FILTER (WHERE today), 0)") + `,
			` + sums("coalesce(sum(%s) FILTER (WHERE NOT today) / nullif(count(DISTINCT day) FILTER (WHERE NOT today), 0), 0)") + `,
			greatest(max(paced_until) - now(), interval '0')
		FROM (SELECT *, hour > ` + thisHour + ` - interval '24 hours' AS today, (hour AT TIME ZONE 'UTC')::date AS day
			FROM sent_hours WHERE account_id = a.id AND hour > now() - $3::interval) s
	) h WHERE a.id = $1`

// sums puts each counter of sent_hours into an expression.
func sums(expr string) string {
	var out []string
	for _, c := range []string{"messages", "recipients", "new_recipients", "failures"} {
		out = append(out, fmt.Sprintf(expr, c))
	}
	return strings.Join(out, ", ")
}

// recipientKeys gives the keys of known_recipients and suppressions, each once.
func recipientKeys(as []mail.Address) []string {
	seen := make(map[string]bool, len(as))
	keys := make([]string, 0, len(as))
	for _, a := range as {
		if k := recipientKey(a); !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

func recipientKey(a mail.Address) string { return clean(address.Key(a.Local) + "@" + a.Domain) }

// SendState gives what a submission of an account to these recipients is judged
// by: one statement, by key. CodeNotFound when the account is gone.
func (s *Store) SendState(ctx context.Context, id mail.AccountID, to []mail.Address) (mail.SendState, error) {
	var st mail.SendState
	var own, domain mail.SendPolicy
	var suppressed []string
	fields := append(policyFields(&own), policyFields(&domain)...)
	for _, x := range []*mail.Sent{&st.Hour, &st.Day, &st.Norm} {
		fields = append(fields, &x.Messages, &x.Recipients, &x.NewRecipients, &x.Failures)
	}
	err := s.pool.QueryRow(ctx, sqlSendState, id, recipientKeys(to), normFor).
		Scan(append(fields, &st.PacedFor, &st.New, &suppressed, &st.Held, &st.Believed)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return st, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	if err != nil {
		return st, dbError(err)
	}
	st.Limits = own.Over(domain.Over(mail.DefaultSendLimits))
	st.Suppressed = splitAll(suppressed)
	return st, nil
}

// SubmissionRecipient tells how many recipients a message of the account may
// have, and whether this one is suppressed (nil: it is not).
func (s *Store) SubmissionRecipient(ctx context.Context, id mail.AccountID, to mail.Address) (most int, gone *mail.Suppression, err error) {
	var own, domain *int
	var reason *string
	var until *time.Time
	err = s.pool.QueryRow(ctx, `SELECT p.recipients_per_message, d.recipients_per_message, x.reason, x.expires_at
		FROM accounts a LEFT JOIN send_limits p ON p.id = a.id LEFT JOIN send_limits d ON d.id = a.domain_id
		LEFT JOIN LATERAL (SELECT reason, expires_at FROM suppressions s WHERE s.recipient = $2 OFFSET 0) x ON x.expires_at > now()
		WHERE a.id = $1`, id, recipientKey(to)).Scan(&own, &domain, &reason, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	if err != nil {
		return 0, nil, dbError(err)
	}
	limits := mail.SendPolicy{RecipientsPerMessage: domain}.Over(mail.DefaultSendLimits)
	limits = mail.SendPolicy{RecipientsPerMessage: own}.Over(limits)
	if reason != nil {
		gone = &mail.Suppression{Address: to, Reason: *reason, ExpiresAt: *until}
	}
	return limits.RecipientsPerMessage, gone, nil
}
