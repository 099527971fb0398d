package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"postroom/internal/mail"
)

func one(u mail.UID) mail.UIDSet { return mail.UIDSetOf(u) }

var all = mail.UIDSet{{Lo: 1, Hi: 4294967295}}

func TestStoreAddsSetsRemovesAndCounts(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 5)
	r := b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: 2, Hi: 3}, {Lo: 9, Hi: 9}}, Mode: mail.StoreAdd,
		Flags: mail.FlagSeen | mail.FlagDeleted, Keywords: []string{"$Forwarded", "Work"}})
	if len(r.Rows) != 2 || r.Rows[0].UID != 2 || r.Rows[1].Flags != mail.FlagSeen|mail.FlagDeleted || r.Rows[0].ModSeq != r.ModSeq {
		t.Fatalf("got %+v", r)
	}
	names, err := b.s.Keywords(t.Context(), b.acct)
	if err != nil || !slices.Equal(names, []string{"", "$Forwarded", "Work"}) {
		t.Errorf("keywords %v, %v", names, err)
	}
	b.check()
	r = b.store(mail.StoreArgs{UIDs: one(2), Mode: mail.StoreRemove, Flags: mail.FlagSeen, Keywords: []string{"WORK", "unheard"}})
	if m := r.Rows[0]; m.Flags != mail.FlagDeleted || !slices.Equal(m.Keywords, []int16{1}) {
		t.Errorf("after remove %+v", m)
	}
	r = b.store(mail.StoreArgs{UIDs: one(3), Mode: mail.StoreSet, Flags: mail.FlagFlagged, Keywords: []string{"New"}})
	if m := r.Rows[0]; m.Flags != mail.FlagFlagged || !slices.Equal(m.Keywords, []int16{3}) {
		t.Errorf("after set %+v", m)
	}
	b.check()
	if _, st := b.load(b.inbox); st.Unseen != 5 || st.Deleted != 1 {
		t.Errorf("state %+v", st)
	}
}

func TestStoreThatChangesNothingKeepsModSeq(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 2)
	first := b.store(mail.StoreArgs{UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagSeen, Keywords: []string{"a"}})
	for _, a := range []mail.StoreArgs{
		{Mode: mail.StoreAdd, Flags: mail.FlagSeen, Keywords: []string{"A"}},
		{Mode: mail.StoreSet, Flags: mail.FlagSeen, Keywords: []string{"a"}},
		{Mode: mail.StoreRemove, Flags: mail.FlagDraft, Keywords: []string{"other"}},
		{Mode: mail.StoreSet, Flags: 0, Keep: mail.FlagSeen, Keywords: []string{"a"}},
	} {
		a.UIDs = all
		r := b.store(a)
		if r.ModSeq != 0 || len(r.Rows) != 2 || r.Rows[0].ModSeq != first.ModSeq {
			t.Errorf("%+v gives %+v", a, r)
		}
	}
	if _, st := b.load(b.inbox); st.HighestModSeq != first.ModSeq {
		t.Errorf("modseq went from %d to %d", first.ModSeq, st.HighestModSeq)
	}
}

func TestStoreUnchangedSince(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 3)
	_, st := b.load(b.inbox)
	b.store(mail.StoreArgs{UIDs: one(2), Mode: mail.StoreAdd, Flags: mail.FlagFlagged})
	since := st.HighestModSeq
	r := b.store(mail.StoreArgs{UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagSeen, UnchangedSince: &since})
	if r.Modified.String() != "2" || uidsOf(r.Rows).String() != "1,3" {
		t.Errorf("got %+v", r)
	}
	zero := mail.ModSeq(0)
	r = b.store(mail.StoreArgs{UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagDraft, UnchangedSince: &zero})
	if r.Modified.String() != "1:3" || len(r.Rows) != 0 {
		t.Errorf("UNCHANGEDSINCE 0 gives %+v", r)
	}
	b.check()
}

func TestStoreOfManyGoesInSlices(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 4100)
	_, before := b.load(b.inbox)
	r := b.store(mail.StoreArgs{UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagSeen})
	if len(r.Rows) != 4100 || r.ModSeq != before.HighestModSeq+3 {
		t.Errorf("%d rows, modseq %d after %d", len(r.Rows), r.ModSeq, before.HighestModSeq)
	}
	b.check()
}

func TestKeywordLimits(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 1)
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprintf("k%d", i))
	}
	_, err := b.s.StoreFlags(t.Context(), mail.StoreArgs{Account: b.acct, Mailbox: b.inbox, UIDs: all, Mode: mail.StoreAdd, Keywords: many})
	b.code(err, mail.CodeTooMany)
	r := b.store(mail.StoreArgs{UIDs: all, Mode: mail.StoreAdd, Keywords: many[:1000]})
	if len(r.Rows[0].Keywords) != 1000 {
		t.Errorf("%d keywords", len(r.Rows[0].Keywords))
	}
	for _, bad := range []string{"", `\Seen`, "a b", "ä", "a]", string(make([]byte, 200))} {
		_, err := b.s.StoreFlags(t.Context(), mail.StoreArgs{Account: b.acct, Mailbox: b.inbox, UIDs: all, Mode: mail.StoreAdd, Keywords: []string{bad}})
		b.code(err, mail.CodeInvalid)
	}
}

func TestNewKeywordFromTwoSessionsGetsOneNumber(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 8)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := b.s.StoreFlags(t.Context(), mail.StoreArgs{Account: b.acct, Mailbox: b.inbox,
				UIDs: one(mail.UID(i + 1)), Mode: mail.StoreAdd, Keywords: []string{"Same", fmt.Sprint("own", i)}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	names, _ := b.s.Keywords(t.Context(), b.acct)
	if len(names) != 10 {
		t.Errorf("keywords %v", names)
	}
	b.check()
}

func TestStoreInMailboxThatIsGone(t *testing.T) {
	b := newBox(t)
	_, err := b.s.StoreFlags(t.Context(), mail.StoreArgs{Account: b.acct, Mailbox: 77, UIDs: all, Mode: mail.StoreAdd, Flags: mail.FlagSeen})
	b.code(err, mail.CodeNotFound)
}
