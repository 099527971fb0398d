package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store/storetest"
)

// A quota of messages refuses the message beyond it, and the recipient from
// then on, until one is expunged.
func TestMessageQuota(t *testing.T) {
	b := newBox(t)
	must(t, b.s.SetMessageQuota(t.Context(), tester, b.acct, 2))
	full := func() bool {
		r, err := b.s.ResolveRecipient(t.Context(), addr(t, "alice@example.test"))
		must(t, err)
		return r.Accounts[0].OverQuota(0)
	}
	for i := range 2 {
		if full() {
			t.Fatalf("full with %d of 2", i)
		}
		if _, err := b.s.Deliver(t.Context(), storetest.Delivery(body(10), b.acct)); err != nil {
			t.Fatal(err)
		}
	}
	if !full() {
		t.Error("not full with 2 of 2")
	}
	_, err := b.s.Deliver(t.Context(), storetest.Delivery(body(10), b.acct))
	b.code(err, mail.CodeOverQuota)
	b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: 1, Hi: 1}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil {
		t.Fatal(err)
	}
	if full() {
		t.Error("still full after an expunge")
	}
	b.check()
}
