package store_test

import (
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
)

func (b *box) names() string {
	b.t.Helper()
	list, err := b.s.Mailboxes(b.t.Context(), b.acct)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, m := range list {
		out = append(out, m.Name)
	}
	return strings.Join(out, " ")
}

const first = "INBOX Archive Drafts Junk Sent Trash"

func TestCreateMakesLevelsAbove(t *testing.T) {
	b := newBox(t)
	m, err := b.s.CreateMailbox(t.Context(), b.acct, "a/b/c/", "")
	if err != nil || m.Name != "a/b/c" || m.Subscribed {
		t.Fatalf("got %+v, %v", m, err)
	}
	if got := b.names(); got != first+" a a/b a/b/c" {
		t.Error(got)
	}
	for name, code := range map[string]mail.Code{
		"a/b": mail.CodeExists, "inbox": mail.CodeExists, "": mail.CodeInvalid, "/": mail.CodeInvalid, "/a": mail.CodeInvalid,
		"a//b": mail.CodeInvalid, "a\x00b": mail.CodeInvalid, "a\nb": mail.CodeInvalid, "\xff": mail.CodeInvalid,
		strings.Repeat("x", 1001): mail.CodeInvalid, "a\u2028": mail.CodeInvalid,
	} {
		_, err := b.s.CreateMailbox(t.Context(), b.acct, name, "")
		if mail.CodeOf(err) != code {
			t.Errorf("create %q gives %v", name, err)
		}
	}
	if m, err := b.s.CreateMailbox(t.Context(), b.acct, "iNbOx/x", ""); err != nil || m.Name != "INBOX/x" {
		t.Errorf("got %+v, %v", m, err)
	}
	b.check()
}

func TestNamesAreOneInNFC(t *testing.T) {
	b := newBox(t)
	b.mailbox("Entwu\u0308rfe")
	m, _, err := b.s.MailboxByName(t.Context(), b.acct, "Entw\u00fcrfe")
	if err != nil || m.Name != "Entw\u00fcrfe" {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestSpecialUseIsUnique(t *testing.T) {
	b := newBox(t)
	_, err := b.s.CreateMailbox(t.Context(), b.acct, "Gesendet", `\Sent`)
	b.code(err, mail.CodeConflict)
	_, err = b.s.CreateMailbox(t.Context(), b.acct, "Everything", `\All`)
	b.code(err, mail.CodeConflict)
	if err := b.s.DeleteMailbox(t.Context(), b.acct, "Sent"); err != nil {
		t.Fatal(err)
	}
	m, err := b.s.CreateMailbox(t.Context(), b.acct, "Gesendet", `\Sent`)
	if err != nil || m.SpecialUse != `\Sent` {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestUIDValidityGrows(t *testing.T) {
	b := newBox(t)
	last := uint32(0)
	for range 5 {
		m, err := b.s.CreateMailbox(t.Context(), b.acct, "again", "")
		if err != nil {
			t.Fatal(err)
		}
		if m.UIDValidity <= last || int64(m.UIDValidity) < time.Now().Unix() {
			t.Errorf("UIDVALIDITY %d after %d", m.UIDValidity, last)
		}
		last = m.UIDValidity
		if err := b.s.DeleteMailbox(t.Context(), b.acct, "again"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMailboxLimit(t *testing.T) {
	b := newBox(t)
	b.exec(`INSERT INTO mailboxes (account_id, id, name, uidvalidity) SELECT $1, i, 'm' || i, 1 FROM generate_series(1, 9993) i`, int64(b.acct))
	b.exec(`INSERT INTO mailbox_state (account_id, mailbox_id) SELECT $1, i FROM generate_series(1, 9993) i`, int64(b.acct))
	b.mailbox("one more")
	_, err := b.s.CreateMailbox(t.Context(), b.acct, "too many", "")
	b.code(err, mail.CodeTooMany)
}

func TestDeleteKeepsMessagesAndChildren(t *testing.T) {
	b := newBox(t)
	id := b.mailbox("a")
	b.mailbox("a/b")
	b.fill(id, 10)
	w := b.s.Watch(b.acct, id)
	defer w.Close()
	if err := b.s.DeleteMailbox(t.Context(), b.acct, "a"); err != nil {
		t.Fatal(err)
	}
	<-w.C // who has it selected is told
	if _, err := b.s.ChangesSince(t.Context(), b.acct, id, 1); !mail.Is(err, mail.CodeNotFound) {
		t.Error(err)
	}
	if got := b.names(); got != first+" a/b" {
		t.Error(got)
	}
	b.code(b.s.DeleteMailbox(t.Context(), b.acct, "a"), mail.CodeHasChildren)
	b.code(b.s.DeleteMailbox(t.Context(), b.acct, "nowhere"), mail.CodeNotFound)
	b.code(b.s.DeleteMailbox(t.Context(), b.acct, "inbox"), mail.CodeInvalid)
	var held int
	if err := b.s.QueryForTest(t.Context(), []any{&held}, `SELECT count(*) FROM expunged WHERE mailbox_id = $1`, int64(id)); err != nil || held != 10 {
		t.Errorf("%d messages held, %v", held, err)
	}
	b.mailbox("a") // the name is free again
	b.check()
}

func TestRenameTakesChildren(t *testing.T) {
	b := newBox(t)
	for _, n := range []string{"a/b/c", "ab", "x"} {
		b.mailbox(n)
	}
	if err := b.s.RenameMailbox(t.Context(), b.acct, "a", "new/top/a2"); err != nil {
		t.Fatal(err)
	}
	if got := b.names(); got != first+" ab new new/top new/top/a2 new/top/a2/b new/top/a2/b/c x" {
		t.Error(got)
	}
	for _, c := range []struct {
		from, to string
		code     mail.Code
	}{
		{"ab", "x", mail.CodeExists}, {"nowhere", "y", mail.CodeNotFound}, {"new", "new/below", mail.CodeInvalid},
		{"ab", "bad//name", mail.CodeInvalid}, {"ab", "INBOX", mail.CodeExists}, {"new", strings.Repeat("n", 990), mail.CodeInvalid},
		{"ab", "ab", mail.CodeExists},
	} {
		b.code(b.s.RenameMailbox(t.Context(), b.acct, c.from, c.to), c.code)
	}
	if err := b.s.DeleteMailbox(t.Context(), b.acct, "new"); err != nil {
		t.Fatal(err)
	}
	// "new" is only a level now; its children move up over it.
	if err := b.s.RenameMailbox(t.Context(), b.acct, "new/top", "new"); err != nil {
		t.Fatal(err)
	}
	if got := b.names(); got != first+" ab new new/a2 new/a2/b new/a2/b/c x" {
		t.Error(got)
	}
	b.check()
}

func TestRenameInboxMovesMessages(t *testing.T) {
	b := newBox(t)
	b.mailbox("INBOX/child")
	b.fill(b.inbox, 30)
	if err := b.s.RenameMailbox(t.Context(), b.acct, "Inbox", "Old/2024"); err != nil {
		t.Fatal(err)
	}
	_, st, err := b.s.MailboxByName(t.Context(), b.acct, "Old/2024")
	if err != nil || st.Messages != 30 {
		t.Errorf("got %+v, %v", st, err)
	}
	inbox, st, err := b.s.MailboxByName(t.Context(), b.acct, "inbox")
	if err != nil || inbox.ID != b.inbox || st.Messages != 0 || st.UIDNext != 31 {
		t.Errorf("INBOX is %+v %+v, %v", inbox, st, err)
	}
	if got := b.names(); got != "INBOX Archive Drafts INBOX/child Junk Old Old/2024 Sent Trash" {
		t.Error(got)
	}
	b.check()
}

func TestSubscriptions(t *testing.T) {
	b := newBox(t)
	w := b.s.WatchAccount(b.acct)
	defer w.Close()
	if err := b.s.Subscribe(t.Context(), b.acct, "not/there"); err != nil {
		t.Fatal(err)
	}
	<-w.C
	for range 2 {
		if err := b.s.Unsubscribe(t.Context(), b.acct, "Junk"); err != nil {
			t.Fatal(err)
		}
	}
	names, err := b.s.Subscriptions(t.Context(), b.acct)
	if err != nil || strings.Join(names, " ") != "Archive Drafts INBOX Sent Trash not/there" {
		t.Errorf("got %v, %v", names, err)
	}
	if m, _, _ := b.s.MailboxByName(t.Context(), b.acct, "Junk"); m.Subscribed {
		t.Error("Junk is still subscribed")
	}
	if m, err := b.s.CreateMailbox(t.Context(), b.acct, "not/there", ""); err != nil || !m.Subscribed {
		t.Errorf("got %+v, %v", m, err)
	}
	b.code(b.s.Subscribe(t.Context(), b.acct, "a//b"), mail.CodeInvalid)
}

func TestNamesOfNoAccount(t *testing.T) {
	b := newBox(t)
	_, err := b.s.CreateMailbox(t.Context(), 5, "a", "")
	b.code(err, mail.CodeNotFound)
	b.code(b.s.Subscribe(t.Context(), 5, "a"), mail.CodeNotFound)
	_, err = b.s.Quota(t.Context(), 5)
	b.code(err, mail.CodeNotFound)
}
