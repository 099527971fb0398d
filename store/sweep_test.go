package store_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func sweep(t *testing.T, s *store.Store) store.SweepResult {
	t.Helper()
	res, err := s.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func must1[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSweepNeverTakesWhatIsUsed(t *testing.T) {
	s := storetest.New(t, plain)
	as := accounts(t, s, 2)
	shared, own := []byte("shared by two\r\n"), []byte("alone\r\n")
	deliver := must1[mail.Delivered](t)
	deliver(s.Deliver(t.Context(), storetest.Delivery(shared, as...)))
	deliver(s.Deliver(t.Context(), storetest.Delivery(own, as[0])))
	inbox := storetest.Inbox(t, s, as[0])
	all := mail.UIDSet{{Lo: 1, Hi: 100}}
	must1[mail.StoreResult](t)(s.StoreFlags(t.Context(), mail.StoreArgs{Account: as[0], Mailbox: inbox, UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagDeleted}))
	if got := must1[mail.ExpungeResult](t)(s.Expunge(t.Context(), as[0], inbox, nil)); got.UIDs.Len() != 2 {
		t.Fatalf("expunged %v", got.UIDs)
	}
	if got := sweep(t, s); got.Expunged != 0 || got.Messages != 0 || got.Blobs != 0 {
		t.Errorf("swept within the restore window: %+v", got)
	}
	exec(t, s, "UPDATE expunged SET expunged_at = now() - interval '31 days'")
	if got := sweep(t, s); got.Expunged != 2 || got.Messages != 2 || got.Blobs != 0 {
		t.Errorf("swept %+v; want 2 messages, and blobs only an hour later", got)
	}
	exec(t, s, "UPDATE blob_orphans SET orphan_at = now() - interval '61 minutes'")
	if got := sweep(t, s); got.Blobs != 1 {
		t.Errorf("swept %+v, want the one blob that nobody uses", got)
	}
	blob := mail.BlobID(number(t, s, "SELECT blob_id FROM messages WHERE account_id = $1", as[1]))
	r, err := s.OpenBlob(t.Context(), blob, int64(len(shared)))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(r); !bytes.Equal(got, shared) {
		t.Errorf("the other user's message reads %q", got)
	}
	if l := must1[mail.AccountListing](t)(s.AccountListing(t.Context(), as[0])); l.Usage.HeldBytes != 0 {
		t.Errorf("%d octets are held by nothing", l.Usage.HeldBytes)
	}
	sound(t, s)
}

// Deliveries, expunges, copies and sweeps without any window, all at once:
// what exists at the end must be whole.
func TestSweepAmongWriters(t *testing.T) {
	s := storetest.New(t, plain)
	as := accounts(t, s, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var sweeper, writers sync.WaitGroup
	sweeper.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Purge(ctx, store.PurgeArgs{}); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 4 {
		writers.Go(func() {
			a := as[i%2]
			inbox := storetest.Inbox(t, s, a)
			archive := mail.MailboxID(number(t, s, "SELECT id FROM mailboxes WHERE account_id = $1 AND name = 'Archive'", a))
			for range 12 {
				got, err := s.Deliver(ctx, storetest.Delivery(body(600), as...))
				if err != nil {
					t.Error(err)
					return
				}
				uid := got.Filed[i%2].UID
				set := mail.UIDSetOf(uid)
				if _, err := s.Copy(ctx, a, inbox, set, archive); err != nil {
					t.Error(err)
				}
				if _, err := s.StoreFlags(ctx, mail.StoreArgs{Account: a, Mailbox: inbox, UIDs: set, Mode: mail.StoreAdd, Flags: mail.FlagDeleted}); err != nil {
					t.Error(err)
				}
				if _, err := s.Expunge(ctx, a, inbox, &set); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	cancel()
	sweeper.Wait()
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages m JOIN mailboxes b ON b.id = m.mailbox_id WHERE b.name = 'Archive'"); n != 48 {
		t.Errorf("%d copies in the archives, want 48", n)
	}
	sound(t, s)
}

func TestPurgeGivesTheDiskBack(t *testing.T) {
	s := storetest.New(t, plain)
	as := accounts(t, s, 3)
	keep := must1[mail.Delivered](t)(s.Deliver(t.Context(), storetest.Delivery(body(50_000), as[2])))
	before := must1[store.PurgeResult](t)(s.Purge(t.Context(), store.PurgeArgs{})).BytesAfter
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 60 {
				if _, err := s.Deliver(t.Context(), storetest.Delivery(body(40_000), as[0], as[1])); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, a := range as[:2] {
		must1[mail.StoreResult](t)(s.StoreFlags(t.Context(), mail.StoreArgs{Account: a, Mailbox: storetest.Inbox(t, s, a),
			UIDs: mail.UIDSet{{Lo: 1, Hi: 1000}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted}))
		must1[mail.ExpungeResult](t)(s.Expunge(t.Context(), a, storetest.Inbox(t, s, a), nil))
	}
	res := must1[store.PurgeResult](t)(s.Purge(t.Context(), store.PurgeArgs{}))
	if res.Expunged != 960 || res.Messages != 960 || res.Blobs != 480 {
		t.Errorf("purged %+v", res)
	}
	if filled := res.BytesBefore - before; res.BytesAfter-before > filled/10 {
		t.Errorf("of %d octets that filled the disk, %d are still there", filled, res.BytesAfter-before)
	}
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages WHERE account_id = $1", keep.Filed[0].Account); n != 1 {
		t.Errorf("%d of another account's messages left, want 1", n)
	}
	sound(t, s)
}

func TestSweepShortensChangeLogs(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	inbox := storetest.Inbox(t, s, a)
	for range 3 {
		must1[mail.Delivered](t)(s.Deliver(t.Context(), storetest.Delivery(body(50), a)))
	}
	must1[mail.StoreResult](t)(s.StoreFlags(t.Context(), mail.StoreArgs{Account: a, Mailbox: inbox, UIDs: mail.UIDSetOf(1), Mode: mail.StoreAdd, Flags: mail.FlagDeleted}))
	must1[mail.ExpungeResult](t)(s.Expunge(t.Context(), a, inbox, nil))
	exec(t, s, "UPDATE mailbox_changes SET at = now() - interval '31 days'")
	if got := sweep(t, s); got.Changes != 5 {
		t.Errorf("swept %+v, want 5 changes and the expunge kept", got)
	}
	ch := must1[mail.Changes](t)(s.ChangesSince(t.Context(), a, inbox, 1))
	if len(ch.Rows) != 2 || !ch.Complete || ch.Vanished.String() != "1" {
		t.Errorf("after the sweep the changes read %+v", ch)
	}
	must1[mail.Delivered](t)(s.Deliver(t.Context(), storetest.Delivery(body(50), a)))
	exec(t, s, "UPDATE mailbox_changes SET at = now() - interval '366 days'")
	if got := sweep(t, s); got.Changes != 1 {
		t.Errorf("swept %+v, want the expunge, and the newest with the counters kept", got)
	}
	if got := sweep(t, s); got.Changes != 0 {
		t.Errorf("swept %+v again", got)
	}
	if ch := must1[mail.Changes](t)(s.ChangesSince(t.Context(), a, inbox, 1)); ch.Complete {
		t.Error("a list without the old expunge is said to be complete")
	}
	sound(t, s)
}

func TestEventMonths(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	must1[mail.Delivered](t)(s.Deliver(t.Context(), storetest.Delivery(body(50), a)))
	now := time.Now()
	for range 2 {
		if err := store.KeepEventMonths(s, t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	if n := number(t, s, "SELECT count(*) FROM delivery_events"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	if n := number(t, s, "SELECT count(*) FROM delivery_events_rest"); n != 0 {
		t.Errorf("%d events are not in their month", n)
	}
	if err := store.KeepEventMonths(s, t.Context(), now.AddDate(0, 15, 0)); err != nil {
		t.Fatal(err)
	}
	if n := number(t, s, "SELECT count(*) FROM delivery_events"); n != 0 {
		t.Errorf("%d events outlived their time", n)
	}
}

func TestPurgeOfOneAccountLeavesTheOthers(t *testing.T) {
	s := storetest.New(t, plain)
	as := accounts(t, s, 2)
	for _, a := range as {
		must1[mail.Delivered](t)(s.Deliver(t.Context(), storetest.Delivery(body(1000), a)))
		inbox := storetest.Inbox(t, s, a)
		must1[mail.StoreResult](t)(s.StoreFlags(t.Context(), mail.StoreArgs{Account: a, Mailbox: inbox,
			UIDs: mail.UIDSet{{Lo: 1, Hi: 1}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted}))
		must1[mail.ExpungeResult](t)(s.Expunge(t.Context(), a, inbox, nil))
	}
	if r := must1[store.PurgeResult](t)(s.Purge(t.Context(), store.PurgeArgs{Account: as[0]})); r.Expunged != 1 {
		t.Errorf("purged %+v, want one message of one account", r)
	}
	if r := must1[store.PurgeResult](t)(s.Purge(t.Context(), store.PurgeArgs{})); r.Expunged != 1 {
		t.Errorf("purged %+v, want the other account's", r)
	}
}
