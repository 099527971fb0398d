package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

const selectMailboxes = `SELECT m.account_id, m.id, m.name, m.uidvalidity, m.special_use, sub.name IS NOT NULL
	FROM mailboxes m LEFT JOIN subscriptions sub ON sub.account_id = m.account_id AND sub.name = m.name`

func mailboxFields(m *mail.Mailbox) []any {
	return []any{&m.Account, &m.ID, &m.Name, &m.UIDValidity, &m.SpecialUse, &m.Subscribed}
}

// Mailboxes lists the mailboxes of an account by name, INBOX first. A name
// that is only a level above others ("a" of "a/b" after a DELETE of "a") has
// no row: LIST shows it as \NonExistent.
func (s *Store) Mailboxes(ctx context.Context, acct mail.AccountID) ([]mail.Mailbox, error) {
	rows, err := s.pool.Query(ctx, selectMailboxes+`
		WHERE m.account_id = $1 ORDER BY m.name <> 'INBOX', m.name`, acct)
	if err != nil {
		return nil, dbError(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (m mail.Mailbox, err error) {
		err = r.Scan(mailboxFields(&m)...)
		return m, err
	})
	return out, dbError(err)
}

// MailboxByName finds a mailbox and its counters, in one round trip.
// CodeNotFound when there is none of that name.
func (s *Store) MailboxByName(ctx context.Context, acct mail.AccountID, name string) (mail.Mailbox, mail.MailboxState, error) {
	var m mail.Mailbox
	var st mail.MailboxState
	name, err := mailboxName(name)
	if err != nil {
		return m, st, noMailbox()
	}
	err = s.pool.QueryRow(ctx, sqlMailboxByName, acct, name).Scan(append(mailboxFields(&m), stateFields(&st)...)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, st, noMailbox()
	}
	return m, st, dbError(err)
}

const sqlMailboxByName = `SELECT m.account_id, m.id, m.name, m.uidvalidity, m.special_use,
		EXISTS (SELECT FROM subscriptions sub WHERE sub.account_id = m.account_id AND sub.name = m.name), ` + stateColumns + `
	FROM mailboxes m JOIN mailbox_counters s ON s.account_id = m.account_id AND s.mailbox_id = m.id
	WHERE m.account_id = $1 AND m.name = $2`

// OpenMailbox is MailboxByName and Keywords, in one round trip.
func (s *Store) OpenMailbox(ctx context.Context, acct mail.AccountID, name string) (m mail.Mailbox, st mail.MailboxState, keywords []string, err error) {
	name, err = mailboxName(name)
	if err != nil {
		return m, st, nil, noMailbox()
	}
	found := false
	b := &pgx.Batch{}
	b.Queue(sqlMailboxByName, acct, name).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, append(mailboxFields(&m), stateFields(&st)...), func() error { found = true; return nil })
		return err
	})
	b.Queue(sqlKeywords, acct).Query(func(rows pgx.Rows) (err error) {
		keywords, err = keywordRows(rows)
		return err
	})
	if err = s.pool.SendBatch(ctx, b).Close(); err != nil {
		return m, st, nil, dbError(err)
	}
	if !found {
		err = noMailbox()
	}
	return m, st, keywords, err
}

// MailboxesByName finds many as MailboxByName does one, by the name asked for.
func (s *Store) MailboxesByName(ctx context.Context, acct mail.AccountID, names []string) (map[string]mail.MailboxStatus, error) {
	asked := map[string][]string{}
	for _, n := range names {
		if name, err := mailboxName(n); err == nil {
			asked[name] = append(asked[name], n)
		}
	}
	rows, err := s.pool.Query(ctx, `SELECT m.account_id, m.id, m.name, m.uidvalidity, m.special_use,
			EXISTS (SELECT FROM subscriptions sub WHERE sub.account_id = m.account_id AND sub.name = m.name), `+stateColumns+`
		FROM mailboxes m JOIN mailbox_counters s ON s.account_id = m.account_id AND s.mailbox_id = m.id
		WHERE m.account_id = $1 AND m.name = ANY ($2)`, acct, slices.Collect(maps.Keys(asked)))
	if err != nil {
		return nil, dbError(err)
	}
	out := make(map[string]mail.MailboxStatus, len(names))
	var m mail.MailboxStatus
	_, err = pgx.ForEachRow(rows, append(mailboxFields(&m.Mailbox), stateFields(&m.MailboxState)...), func() error {
		for _, n := range asked[m.Name] {
			out[n] = m
		}
		return nil
	})
	return out, dbError(err)
}

// junkMailbox finds the mailbox with the use \Junk; 0 when there is none.
func (s *Store) junkMailbox(ctx context.Context, acct mail.AccountID) (id mail.MailboxID, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce((SELECT id FROM mailboxes
		WHERE account_id = $1 AND special_use = '\Junk' ORDER BY id LIMIT 1), 0)`, acct).Scan(&id)
	return id, dbError(err)
}
