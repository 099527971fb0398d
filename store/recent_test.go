package store_test

import (
	"sync"
	"testing"

	"postroom/internal/mail"
)

func (b *box) claim(last mail.UID) mail.Recent {
	b.t.Helper()
	r, err := b.s.ClaimRecent(b.t.Context(), b.acct, b.inbox, last)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func TestEveryMessageIsRecentToOne(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 5)
	b.exec(`DELETE FROM mailbox_messages WHERE uid = 2`)
	counts := func() int64 {
		n, err := b.s.RecentCounts(t.Context(), b.acct, []mail.MailboxID{b.inbox})
		if err != nil {
			t.Fatal(err)
		}
		return n[b.inbox]
	}
	if n := counts(); n != 4 {
		t.Errorf("%d recent before a claim", n)
	}
	r, err := b.s.UnclaimedRecent(t.Context(), b.acct, b.inbox, 1, 4)
	if err != nil || r != (mail.Recent{UIDs: mail.UIDRange{Lo: 2, Hi: 4}, Messages: 2}) {
		t.Errorf("unclaimed %+v, %v", r, err)
	}
	if r := b.claim(3); r != (mail.Recent{UIDs: mail.UIDRange{Lo: 1, Hi: 3}, Messages: 2}) {
		t.Errorf("first claim %+v", r)
	}
	if r := b.claim(3); r.Messages != 0 || r.UIDs.Lo <= r.UIDs.Hi {
		t.Errorf("second claim %+v", r)
	}
	if n := counts(); n != 2 {
		t.Errorf("%d recent after a claim", n)
	}
	var mu sync.Mutex
	var all []mail.Recent
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := b.s.ClaimRecent(t.Context(), b.acct, b.inbox, 5)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if r.Messages > 0 {
				all = append(all, r)
			}
		})
	}
	wg.Wait()
	if len(all) != 1 || all[0].UIDs != (mail.UIDRange{Lo: 4, Hi: 5}) {
		t.Errorf("claimed at once: %+v", all)
	}
}

func TestFirstUnseen(t *testing.T) {
	b := newBox(t)
	first := func() uint32 {
		t.Helper()
		seq, modseq, err := b.s.FirstUnseen(t.Context(), b.acct, b.inbox)
		states, serr := b.s.States(t.Context(), b.acct, []mail.MailboxID{b.inbox})
		if err != nil || serr != nil || modseq != states[b.inbox].HighestModSeq {
			t.Fatalf("modseq %d, %v, %v", modseq, err, serr)
		}
		return seq
	}
	if seq := first(); seq != 0 {
		t.Errorf("empty mailbox: %d", seq)
	}
	b.fill(b.inbox, 1000)
	if seq := first(); seq != 1 {
		t.Errorf("all unseen: %d", seq)
	}
	see := func(lo, hi mail.UID) {
		b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: lo, Hi: hi}}, Mode: mail.StoreAdd, Flags: mail.FlagSeen | mail.FlagDeleted})
	}
	see(1, 10)
	gone := mail.UIDSet{{Lo: 3, Hi: 4}}
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, &gone); err != nil {
		t.Fatal(err)
	}
	if seq := first(); seq != 9 {
		t.Errorf("old unseen: %d", seq)
	}
	see(11, 500)
	if seq := first(); seq != 0 {
		t.Errorf("in the middle: %d", seq)
	}
	see(501, 995)
	if seq := first(); seq != 994 {
		t.Errorf("few and new: %d", seq)
	}
	see(1, 1000)
	if seq := first(); seq != 0 {
		t.Errorf("none: %d", seq)
	}
	if _, _, err := b.s.FirstUnseen(t.Context(), b.acct, 1); mail.CodeOf(err) != mail.CodeNotFound {
		t.Errorf("no mailbox: %v", err)
	}
}
