package store_test

import (
	"sync"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func (b *box) segments() (segments, messages int64) {
	b.t.Helper()
	if err := b.s.QueryForTest(b.t.Context(), []any{&segments, &messages},
		`SELECT count(*), coalesce(sum(cardinality(messages)), 0)::bigint FROM search_segments`); err != nil {
		b.t.Fatal(err)
	}
	return segments, messages
}

// expunge removes what a set names, and all that is kept of it.
func (b *box) expunge(uids mail.UIDSet) {
	b.t.Helper()
	b.store(mail.StoreArgs{UIDs: uids, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	if _, err := b.s.Expunge(b.t.Context(), b.acct, b.inbox, nil); err != nil {
		b.t.Fatal(err)
	}
	b.exec(`UPDATE expunged SET expunged_at = now() - interval '1 year'`)
}

// Mail that comes one by one makes segments of one message: few are left, and
// they find what there is.
func TestSegmentsAreMerged(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 300)
	b.index(b.inbox, 1)
	if n, messages := b.segments(); n > 24 || messages != 300 {
		t.Errorf("%d segments with %d messages of 300", n, messages)
	}
	for _, uid := range []int32{1, 8, 9, 64, 299} {
		b.want("one message", b.found(b.inbox, uid), mail.UIDSet{{Lo: mail.UID(uid), Hi: mail.UID(uid)}, {Lo: 301, Hi: 2000}}.String())
	}
	b.check()
}

func TestMessageThatIsInAMailboxTwice(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 3)
	if _, err := b.s.Copy(t.Context(), b.acct, b.inbox, one(2), b.inbox); err != nil {
		t.Fatal(err)
	}
	b.save(b.inbox, 4, b.entries(b.inbox, all)...)
	b.want("both", b.found(b.inbox, 2), "2,4:2000")
	b.check()
}

// Two nodes that believe to have the turn do no harm.
func TestTwoNodesIndexAtOnce(t *testing.T) {
	url := storetest.Database(t)
	s, other := storetest.Open(t, url), storetest.Open(t, url)
	b := &box{t: t, s: s, acct: storetest.Account(t, s, "alice@example.test")}
	b.inbox = storetest.Inbox(t, s, b.acct)
	b.fill(b.inbox, 200)
	var wg sync.WaitGroup
	for _, node := range []*store.Store{s, other} {
		wg.Go(func() {
			for uid := mail.UID(1); uid <= 200; uid++ {
				if err := node.SaveIndexed(t.Context(), b.acct, b.inbox, uid, b.entries(b.inbox, one(uid))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.want("a message", b.found(b.inbox, 150), "150,201:2000")
	b.check()
}

// What is gone leaves the segments when it is half of them, and at once with a
// purge.
func TestSegmentsForgetWhatIsGone(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 100)
	b.index(b.inbox, 50)
	b.expunge(mail.UIDSet{{Lo: 1, Hi: 40}})
	sweep(t, b.s)
	if _, messages := b.segments(); messages != 100 {
		t.Errorf("%d of 100 messages are in segments, 40 are gone", messages)
	}
	b.expunge(mail.UIDSet{{Lo: 41, Hi: 60}})
	sweep(t, b.s)
	if _, messages := b.segments(); messages != 40 {
		t.Errorf("%d messages are in segments, 40 are there", messages)
	}
	b.want("one that is left", b.found(b.inbox, 61), "61,101:2000")
	b.expunge(mail.UIDSet{{Lo: 61, Hi: 61}})
	if _, err := b.s.Purge(t.Context(), store.PurgeArgs{}); err != nil {
		t.Fatal(err)
	}
	if _, messages := b.segments(); messages != 39 {
		t.Errorf("%d messages are in segments after a purge, 39 are there", messages)
	}
	if err := storetest.CheckInvariants(t.Context(), b.s); err != nil {
		t.Error(err)
	}
	b.expunge(all)
	sweep(t, b.s)
	if n, messages := b.segments(); n != 0 || messages != 0 {
		t.Errorf("%d segments with %d messages of an empty mailbox", n, messages)
	}
}

func TestDamagedIndexSaysNothing(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 20)
	b.index(b.inbox, 20)
	b.exec(`UPDATE search_blocks SET data = '\xffffffff'`)
	b.want("a damaged index", b.found(b.inbox, 5), "any")
}
