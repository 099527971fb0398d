package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// box is an account with a store, for tests of mailboxes.
type box struct {
	t     testing.TB
	s     *store.Store
	acct  mail.AccountID
	inbox mail.MailboxID
}

func newBox(t testing.TB) *box {
	t.Helper()
	s := storetest.New(t)
	acct := storetest.Account(t, s, "alice@example.test")
	return &box{t, s, acct, storetest.Inbox(t, s, acct)}
}

func (b *box) exec(sql string, args ...any) {
	b.t.Helper()
	if err := b.s.ExecForTest(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

// fill puts n messages of 100 + i octets into a mailbox as one delivery would,
// without its octets.
func (b *box) fill(mbox mail.MailboxID, n int) {
	b.t.Helper()
	first := b.s.NewID()
	for range n { // the ids after first are ours
		b.s.NewID()
	}
	b.exec(`WITH st AS (
			SELECT *, uidnext AS first, highestmodseq + 1 AS modseq FROM mailbox_counters WHERE account_id = $1 AND mailbox_id = $2
		), g AS (
			INSERT INTO messages (account_id, id, blob_id, prefix, size, header_size, fields, envelope, bodystructure, parts,
				preview, thread_id, message_id, sent_at, trace_id)
			SELECT $1, $4::bigint + i, $4::bigint + i, 'P', 100 + i, 50, convert_to('Subject: ' || i || E'\r\n', 'UTF8'),
				convert_to('(envelope ' || i || repeat('e', 400) || ')', 'UTF8'), convert_to('(body ' || i || repeat('b', 300) || ')', 'UTF8'),
				'\x01', 'hello ' || i, $4::bigint + i, '<' || i || '@x>', now(), 0 FROM generate_series(1, $3::int) i
		), r AS (
			INSERT INTO blob_refs (blob_id, account_id, holder) SELECT $4::bigint + i, $1, $4::bigint + i FROM generate_series(1, $3::int) i
		), o AS (
			INSERT INTO blobs (blob_id, chunk, data) SELECT $4::bigint + i, 0, '' FROM generate_series(1, $3::int) i
		), m AS (
			INSERT INTO mailbox_messages (account_id, mailbox_id, uid, message_id, modseq, flags, received_at, saved_at, size)
			SELECT $1, $2, st.first + i - 1, $4::bigint + i, st.modseq, 0, '2024-05-06 07:08:09+00', now(), 100 + i
			FROM st, generate_series(1, $3::int) i
		)
		INSERT INTO mailbox_changes (account_id, mailbox_id, modseq, kind, uids, uidnext, messages, unseen, deleted, bytes, deleted_bytes)
		SELECT $1, $2, modseq, 'a', int8multirange(int8range(first, first + $3)), first + $3, messages + $3, unseen + $3, deleted,
			bytes + 100 * $3::bigint + $3::bigint * ($3 + 1) / 2, deleted_bytes FROM st`, int64(b.acct), int64(mbox), int64(n), first)
}

// jump moves the modseqs of INBOX forward.
func (b *box) jump(by int64) {
	b.t.Helper()
	b.exec(`INSERT INTO mailbox_changes (account_id, mailbox_id, modseq, kind, uids, uidnext, messages, unseen, deleted, bytes, deleted_bytes)
		SELECT account_id, mailbox_id, highestmodseq + $2, 'c', '{}', uidnext, messages, unseen, deleted, bytes, deleted_bytes
		FROM mailbox_counters WHERE mailbox_id = $1`, int64(b.inbox), by)
}

// mailbox makes a mailbox and gives its id.
func (b *box) mailbox(name string) mail.MailboxID {
	b.t.Helper()
	m, err := b.s.CreateMailbox(b.t.Context(), b.acct, name, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return m.ID
}

func (b *box) load(mbox mail.MailboxID) ([]mail.MessageFlags, mail.MailboxState) {
	b.t.Helper()
	rows, st, err := b.s.LoadMailbox(b.t.Context(), b.acct, mbox)
	if err != nil {
		b.t.Fatal(err)
	}
	return rows, st
}

func (b *box) uids(mbox mail.MailboxID) string {
	rows, _ := b.load(mbox)
	return uidsOf(rows).String()
}

func uidsOf(rows []mail.MessageFlags) mail.UIDSet {
	var set mail.UIDSet
	for _, r := range rows {
		set.Append(r.UID)
	}
	return set
}

func (b *box) store(a mail.StoreArgs) mail.StoreResult {
	b.t.Helper()
	a.Account = b.acct
	if a.Mailbox == 0 {
		a.Mailbox = b.inbox
	}
	r, err := b.s.StoreFlags(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *box) code(err error, want mail.Code) {
	b.t.Helper()
	if err == nil || mail.CodeOf(err) != want {
		b.t.Errorf("got error %v, want code %d", err, want)
	}
}

// check compares counters with counted rows, and the change log with the
// modseqs of the rows.
func (b *box) check() {
	b.t.Helper()
	if err := storetest.CheckInvariants(b.t.Context(), b.s); err != nil {
		b.t.Error(err)
	}
	for what, sql := range map[string]string{
		"a modseq without its change": `SELECT count(*) FROM mailbox_messages m WHERE NOT EXISTS (SELECT FROM mailbox_changes c
				WHERE c.account_id = m.account_id AND c.mailbox_id = m.mailbox_id AND c.modseq = m.modseq AND c.kind <> 'x' AND c.uids @> m.uid)`,
		"an expunge without its change": `SELECT count(*) FROM expunged m JOIN mailbox_state USING (account_id, mailbox_id)
			WHERE NOT EXISTS (SELECT FROM mailbox_changes c
				WHERE c.account_id = m.account_id AND c.mailbox_id = m.mailbox_id AND c.modseq = m.modseq AND c.kind = 'x' AND c.uids @> m.uid)`,
	} {
		var n int
		if err := b.s.QueryForTest(b.t.Context(), []any{&n}, sql); err != nil {
			b.t.Fatal(what, err)
		}
		if n != 0 {
			b.t.Errorf("wrong: %s, %d times", what, n)
		}
	}
}
