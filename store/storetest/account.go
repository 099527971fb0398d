package storetest

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
)

// initialMailboxes are those of a new account, with their special use.
var initialMailboxes = [][2]string{{"INBOX", ""}, {"Drafts", `\Drafts`}, {"Sent", `\Sent`},
	{"Junk", `\Junk`}, {"Trash", `\Trash`}, {"Archive", `\Archive`}}

// Account makes an account with its first mailboxes; its domain is made when
// it is new.
func Account(t testing.TB, s *store.Store, address string) mail.AccountID {
	t.Helper()
	local, domain, ok := strings.Cut(address, "@")
	if !ok {
		t.Fatalf("%q is no address", address)
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if err := s.ExecForTest(t.Context(), sql, args...); err != nil {
			t.Fatalf("account %s: %v", address, err)
		}
	}
	id := s.NewID()
	exec(`INSERT INTO domains (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, s.NewID(), domain)
	exec(`INSERT INTO accounts (id, domain_id, local_key, uidvalidity_last) SELECT $1, id, $2, $4 FROM domains WHERE name = $3`,
		id, strings.ToLower(local), domain, time.Now().Unix()+int64(len(initialMailboxes)))
	exec(`INSERT INTO addresses (domain_id, local_key, local, account_id)
		SELECT id, $2, $3, $4 FROM domains WHERE name = $1`, domain, strings.ToLower(local), local, id)
	for i, m := range initialMailboxes {
		mbox := s.NewID()
		exec(`INSERT INTO mailboxes (account_id, id, name, uidvalidity, special_use) VALUES ($1, $2, $3, $4, $5)`,
			id, mbox, m[0], time.Now().Unix()+int64(i), m[1])
		exec(`WITH made AS (INSERT INTO mailbox_state (account_id, mailbox_id) VALUES ($1, $2) RETURNING account_id, mailbox_id)
			INSERT INTO mailbox_changes (account_id, mailbox_id, modseq, kind, uids, uidnext, messages, unseen, deleted, bytes, deleted_bytes)
			SELECT account_id, mailbox_id, 1, 'c', '{}', 1, 0, 0, 0, 0, 0 FROM made`, id, mbox)
		exec(`INSERT INTO subscriptions (account_id, name) VALUES ($1, $2)`, id, m[0])
	}
	return mail.AccountID(id)
}

// Inbox gives the id of an account's INBOX.
func Inbox(t testing.TB, s *store.Store, account mail.AccountID) mail.MailboxID {
	t.Helper()
	var id int64
	err := s.QueryForTest(t.Context(), []any{&id},
		`SELECT id FROM mailboxes WHERE account_id = $1 AND name = 'INBOX'`, int64(account))
	if err != nil {
		t.Fatalf("inbox: %v", err)
	}
	return mail.MailboxID(id)
}
