package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// give sets what a user may do with a mailbox.
func (b *box) give(mbox mail.MailboxID, user mail.AccountID, list string) {
	b.t.Helper()
	r, ok := mail.ParseRights(list)
	if !ok {
		b.t.Fatalf("%q are no rights", list)
	}
	if err := b.s.SetACL(b.t.Context(), b.acct, mbox, user, func(mail.Rights) mail.Rights { return r }); err != nil {
		b.t.Fatal(err)
	}
}

// A right that is taken away after a session looked is missed by the write
// itself, whichever it is, and nothing is changed.
func TestEveryWriteLooksAtRightsAgain(t *testing.T) {
	b := newBox(t)
	bob := storetest.Account(t, b.s, "bob@example.test")
	bobs := storetest.Inbox(t, b.s, bob)
	work := b.mailbox("Work")
	b.fill(work, 3)
	b.give(work, bob, "lrswitekxa")
	all := mail.UIDSet{{Lo: 1, Hi: 3}}
	there := mail.CopyArgs{Account: bob, Mailbox: bobs, UIDs: mail.UIDSet{{Lo: 1, Hi: 1}}, ToAccount: b.acct, To: work}
	here := mail.CopyArgs{Account: b.acct, Mailbox: work, UIDs: all, ToAccount: bob, To: bobs}
	ctx := mail.WithNeeds(t.Context(), mail.Need{Account: b.acct, Mailbox: work, User: bob, Rights: mail.RightPost})
	for name, write := range map[string]func() error{
		"store": func() error {
			_, err := b.s.StoreFlags(ctx, mail.StoreArgs{Account: b.acct, Mailbox: work, UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagSeen})
			return err
		},
		"expunge":     func() error { _, err := b.s.Expunge(ctx, b.acct, work, &all); return err },
		"copy":        func() error { _, err := b.s.Copy(ctx, b.acct, work, all, work); return err },
		"move":        func() error { _, err := b.s.Move(ctx, b.acct, work, all, b.inbox); return err },
		"copy across": func() error { _, err := b.s.CopyAcross(ctx, here); return err },
		"move across": func() error { _, err := b.s.MoveAcross(ctx, here); return err },
		"copy there":  func() error { _, err := b.s.CopyAcross(ctx, there); return err },
		"append": func() error {
			_, err := b.s.Append(ctx, b.acct, work, []store.AppendMessage{appended(body(10), 0)})
			return err
		},
		"create": func() error { _, err := b.s.CreateMailbox(ctx, b.acct, "Work/Sub", ""); return err },
		"rename": func() error { return b.s.RenameMailbox(ctx, b.acct, "Work", "Other") },
		"delete": func() error { return b.s.DeleteMailbox(ctx, b.acct, "Work") },
		"metadata": func() error {
			_, err := b.s.SetMetadata(ctx, b.acct, work, bob, []mail.Annotation{{Entry: "/shared/x", Value: []byte("x")}})
			return err
		},
		"acl": func() error {
			return b.s.SetACL(ctx, b.acct, work, bob, func(mail.Rights) mail.Rights { return mail.AllRights })
		},
	} {
		if err := write(); !mail.Is(err, mail.CodeNoPermission) {
			t.Errorf("%s without the right gives %v", name, err)
		}
	}
	if _, st := b.load(work); st.Messages != 3 || st.Unseen != 3 {
		t.Errorf("something was written: %+v", st)
	}
	if got := b.names(); got != first+" Work" {
		t.Error(got)
	}
	b.give(work, bob, "lp")
	if _, err := b.s.StoreFlags(ctx, mail.StoreArgs{Account: b.acct, Mailbox: work, UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagSeen}); err != nil {
		t.Errorf("with the right: %v", err)
	}
	b.check()
}

// A copy in another account lives on when the first is gone for good.
func TestCopyAcrossKeepsTheBlob(t *testing.T) {
	b := newBox(t)
	bob := storetest.Account(t, b.s, "bob@example.test")
	bobs := storetest.Inbox(t, b.s, bob)
	res, err := b.s.Append(t.Context(), b.acct, b.inbox, []store.AppendMessage{appended(body(10), 0)})
	if err != nil {
		t.Fatal(err)
	}
	moved, err := b.s.MoveAcross(t.Context(), mail.CopyArgs{Account: b.acct, Mailbox: b.inbox, UIDs: mail.UIDSetOf(res.UIDs...), ToAccount: bob, To: bobs})
	if err != nil || len(moved.Dst) != 1 || b.uids(b.inbox) != "" {
		t.Fatalf("got %+v, %v", moved, err)
	}
	if _, err := b.s.Purge(t.Context(), store.PurgeArgs{}); err != nil {
		t.Fatal(err)
	}
	var blobs, refs int
	if err := b.s.QueryForTest(t.Context(), []any{&blobs, &refs}, `SELECT (SELECT count(*) FROM blobs), (SELECT count(*) FROM blob_refs)`); err != nil || blobs != 1 || refs != 1 {
		t.Errorf("%d blobs, %d refs, %v", blobs, refs, err)
	}
	// A full account takes no copy, and then nothing is moved.
	b.fill(b.inbox, 2)
	b.exec(`UPDATE accounts SET quota_bytes = 10 WHERE id = $1`, int64(bob))
	_, err = b.s.MoveAcross(t.Context(), mail.CopyArgs{Account: b.acct, Mailbox: b.inbox, UIDs: mail.UIDSet{{Lo: 1, Hi: 9}}, ToAccount: bob, To: bobs})
	if !mail.Is(err, mail.CodeOverQuota) || b.uids(b.inbox) == "" {
		t.Errorf("over quota: %v, %s", err, b.uids(b.inbox))
	}
	b.check()
}
