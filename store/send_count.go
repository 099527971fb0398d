package store

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// sqlSent counts the submissions of a group: whom their accounts wrote to, and
// one row per account and hour. It gives each account's hour, and the 23 hours
// before. A recipient known since less than a day costs a look at the key. Rows
// are taken in the order of their keys: two groups never wait crosswise.
const sqlSent = `WITH known AS (
		INSERT INTO known_recipients (account_id, recipient)
		SELECT r.account_id, r.recipient FROM unnest($1::bigint[], $2::text[]) AS r (account_id, recipient) LEFT JOIN LATERAL
			(SELECT last_at FROM known_recipients x WHERE x.account_id = r.account_id AND x.recipient = r.recipient OFFSET 0) k ON true
		WHERE k.last_at IS NULL OR k.last_at < now() - interval '1 day'
		ORDER BY 1, 2
		ON CONFLICT (account_id, recipient) DO UPDATE SET last_at = now()
		RETURNING account_id, first_at = now() AS new
	), counted AS (
		INSERT INTO sent_hours AS h (account_id, hour, messages, recipients, new_recipients, paced_until)
		SELECT s.account_id, ` + thisHour + `, s.messages, s.recipients,
			(SELECT count(*) FROM known k WHERE k.account_id = s.account_id AND k.new), now() + s.paced
		FROM unnest($3::bigint[], $4::int[], $5::int[], $6::interval[]) AS s (account_id, messages, recipients, paced)
		ORDER BY 1
		ON CONFLICT (account_id, hour) DO UPDATE SET messages = h.messages + excluded.messages, recipients = h.recipients + excluded.recipients,
			new_recipients = h.new_recipients + excluded.new_recipients, paced_until = greatest(h.paced_until, excluded.paced_until)
		RETURNING h.account_id, h.hour, h.messages, h.recipients, h.new_recipients
	)
	SELECT c.account_id, c.messages, c.recipients, c.new_recipients, p.*
	FROM counted c CROSS JOIN LATERAL (
		SELECT coalesce(sum(messages), 0), coalesce(sum(recipients), 0), coalesce(sum(new_recipients), 0) FROM sent_hours h
		WHERE h.account_id = c.account_id AND h.hour < c.hour AND h.hour > c.hour - interval '24 hours') p`

// accountSent is what a group submits for one account, and what the account
// has sent with it.
type accountSent struct {
	messages, recipients int32
	paced                *time.Duration
	keys                 map[string]bool
	hour, day            mail.Sent
}

// queueSent counts the group's submissions.
func (g *group) queueSent() {
	g.sent = map[mail.AccountID]*accountSent{}
	for _, u := range g.units {
		if u.sending != nil {
			g.countSent(u)
		}
	}
	if len(g.sent) == 0 {
		return
	}
	var known, account []int64
	var recipient []string
	var messages, recipients []int32
	var paced []*time.Duration
	for _, id := range slices.Sorted(maps.Keys(g.sent)) {
		a := g.sent[id]
		for _, k := range slices.Sorted(maps.Keys(a.keys)) {
			known, recipient = append(known, int64(id)), append(recipient, k)
		}
		account, messages = append(account, int64(id)), append(messages, a.messages)
		recipients, paced = append(recipients, a.recipients), append(paced, a.paced)
	}
	g.batch.Queue(sqlSent, known, recipient, account, messages, recipients, paced)
}

func (g *group) countSent(u *unit) {
	a := g.sent[u.sending.Account]
	if a == nil {
		a = &accountSent{keys: map[string]bool{}}
		g.sent[u.sending.Account] = a
	}
	a.messages++
	a.recipients += int32(len(u.sending.Recipients))
	for _, k := range recipientKeys(u.sending.Recipients) {
		a.keys[k] = true
	}
	if q := u.queue; q != nil && q.out.Wait > 0 {
		last := q.wait(len(q.entries) - 1)
		if a.paced == nil || *a.paced < last {
			a.paced = &last
		}
	}
}

// readSent takes the answer of sqlSent; a day includes its hour.
func (g *group) readSent(res pgx.BatchResults) error {
	rows, err := res.Query()
	if err != nil {
		return err
	}
	var id int64
	var h, d mail.Sent
	_, err = pgx.ForEachRow(rows, []any{&id, &h.Messages, &h.Recipients, &h.NewRecipients, &d.Messages, &d.Recipients, &d.NewRecipients}, func() error {
		a := g.sent[mail.AccountID(id)]
		a.hour = h
		a.day = mail.Sent{Messages: h.Messages + d.Messages, Recipients: h.Recipients + d.Recipients, NewRecipients: h.NewRecipients + d.NewRecipients}
		return nil
	})
	return err
}

// judgeSent refuses, the last to arrive first, what takes an account over its
// limits. delivery has looked before; this is for submissions that arrived
// together.
func (g *group) judgeSent(p *partial) {
	for _, u := range slices.Backward(g.units) {
		if u.sending == nil {
			continue
		}
		a := g.sent[u.sending.Account]
		if text := u.sending.Limits.Passed(a.hour, a.day); text != "" {
			p.refused[u] = mail.Errorf(mail.CodeSendLimit, "%s, try again later", text)
			n := len(u.sending.Recipients)
			a.hour = less(a.hour, n)
			a.day = less(a.day, n)
		}
	}
}

// less takes a message off; which of its recipients were new is not known, and
// the group that is tried again without it counts anew.
func less(s mail.Sent, recipients int) mail.Sent {
	return mail.Sent{Messages: s.Messages - 1, Recipients: s.Recipients - recipients, NewRecipients: s.NewRecipients - min(s.NewRecipients, recipients)}
}
