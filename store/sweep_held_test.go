package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store/storetest"
)

// Who fills and empties a mailbox again and again must not fill the disk: above
// the cap the oldest messages go, and those of accounts without a quota stay.
func TestSweepForgetsWhatIsAboveTheCap(t *testing.T) {
	s := storetest.New(t)
	as := accounts(t, s, 2)
	const mib = 1 << 20
	must(t, s.SetQuota(t.Context(), tester, as[0], 100*mib))
	for _, a := range as {
		inbox := storetest.Inbox(t, s, a)
		for i := range 4 {
			must1[mail.Delivered](t)(s.Deliver(t.Context(), storetest.Delivery(body(50+i), a)))
			uid := mail.UIDSetOf(mail.UID(i + 1))
			must1[mail.StoreResult](t)(s.StoreFlags(t.Context(), mail.StoreArgs{Account: a, Mailbox: inbox, UIDs: uid, Mode: mail.StoreAdd, Flags: mail.FlagDeleted}))
			must1[mail.ExpungeResult](t)(s.Expunge(t.Context(), a, inbox, nil))
		}
	}
	if got := sweep(t, s); got.Expunged != 0 {
		t.Errorf("swept below the cap: %+v", got)
	}
	exec(t, s, "UPDATE expunged SET size = $1", 400*mib) // 1,600 MiB held, of 1,024
	if got := sweep(t, s); got.Expunged != 2 || got.Messages != 2 {
		t.Errorf("swept %+v, want the 2 oldest of one account", got)
	}
	if n := number(t, s, "SELECT sum(uid) FROM expunged WHERE account_id = $1", as[0]); n != 3+4 {
		t.Errorf("UIDs that sum to %d are left, want 3 and 4", n)
	}
	if n := number(t, s, "SELECT count(*) FROM expunged WHERE account_id = $1", as[1]); n != 4 {
		t.Errorf("%d are left of the account without a quota, want 4", n)
	}
	sound(t, s)
}
