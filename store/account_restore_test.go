package store_test

import (
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store/storetest"
)

func TestSweepDeletedAccounts(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	alice, bob := newAccount(t, s, "alice@example.test"), newAccount(t, s, "bob@example.test")
	both := delivery(addr(t, "x@outside.example"))
	for _, id := range []mail.AccountID{alice, bob} {
		both.Locals = append(both.Locals, mail.LocalDelivery{Account: id, Received: time.Now()})
	}
	_, err := s.Deliver(ctx, both)
	must(t, err)
	only := delivery(addr(t, "x@outside.example"))
	only.Locals = both.Locals[:1]
	_, err = s.Deliver(ctx, only)
	must(t, err)

	must(t, s.DeleteAccount(ctx, tester, alice))
	if n, err := s.SweepDeletedAccounts(ctx, time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Fatalf("within the window: %d, %v", n, err)
	}
	must(t, s.UndeleteAccount(ctx, tester, alice))
	wantCode(t, s.UndeleteAccount(ctx, tester, alice), mail.CodeConflict)
	if n := count(t, s, `SELECT messages FROM account_totals WHERE account_id = $1`, int64(alice)); n != 2 {
		t.Errorf("%d messages after undelete; want 2", n)
	}
	must(t, s.DeleteAccount(ctx, tester, alice))
	if n, err := s.SweepDeletedAccounts(ctx, time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Fatalf("past the window: %d, %v", n, err)
	}
	for _, table := range []string{"accounts", "addresses", "credentials"} {
		if n := count(t, s, `SELECT count(*) FROM `+table); n != 1 {
			t.Errorf("%s: %d rows left; want bob's", table, n)
		}
	}
	for _, table := range []string{"messages", "mailbox_messages", "mailboxes", "mailbox_state", "mailbox_changes", "subscriptions", "blob_refs"} {
		if n := count(t, s, `SELECT count(*) FROM `+table+` WHERE account_id = $1`, int64(alice)); n != 0 {
			t.Errorf("%s: %d rows of a removed account", table, n)
		}
	}
	if n := count(t, s, `SELECT count(*) FROM messages`); n != 1 {
		t.Errorf("%d messages left; want bob's", n)
	}
	// Both blobs are for the blob sweep to look at; it keeps the one bob uses.
	if n := count(t, s, `SELECT count(*) FROM blob_orphans`); n != 2 {
		t.Errorf("%d orphans noted; want 2", n)
	}
	_, err = s.Deliver(ctx, only)
	if !mail.Is(err, mail.CodeNoSuchUser) && !mail.Is(err, mail.CodeNotFound) {
		t.Errorf("mail for a removed account: %v", err)
	}
	newAccount(t, s, "alice@example.test") // the address is free again
}

// TestSweepCutShort stops a removal after its first step: the account cannot
// come back, and the next sweep ends what was begun.
func TestSweepCutShort(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	alice := newAccount(t, s, "alice@example.test")
	must(t, s.DeleteAccount(ctx, tester, alice))
	for _, table := range []string{"credentials", "addresses", "mailboxes", "mailbox_state"} {
		must(t, s.ExecForTest(ctx, `DELETE FROM `+table+` WHERE account_id = $1`, int64(alice)))
	}
	wantCode(t, s.UndeleteAccount(ctx, tester, alice), mail.CodeExpired)
	if l, err := s.Accounts(ctx, mail.AccountFilter{Deleted: true}); err != nil || len(l) != 1 || l[0].Address.Local != "alice" {
		t.Errorf("listed: %+v, %v", l, err)
	}
	if n, err := s.SweepDeletedAccounts(ctx, time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("the next sweep: %d, %v", n, err)
	}
	if n := count(t, s, `SELECT count(*) FROM accounts`); n != 0 {
		t.Error("the account is still there")
	}
}
