package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// everyGram is what index puts into each message, beside its UID modulo 1000.
const everyGram = 1001

// index saves entries for what a mailbox has, in batches.
func (b *box) index(mbox mail.MailboxID, batch int) {
	b.t.Helper()
	for at := mail.UID(0); ; {
		uids, upTo, err := b.s.ToIndex(b.t.Context(), b.acct, mbox, at, batch)
		if err != nil {
			b.t.Fatal(err)
		}
		if upTo <= at {
			break
		}
		b.save(mbox, upTo, b.entries(mbox, uids)...)
		at = upTo
	}
}

func (b *box) entries(mbox mail.MailboxID, uids mail.UIDSet) (out []mail.SearchEntry) {
	b.t.Helper()
	err := b.s.FetchMessages(b.t.Context(), b.acct, mbox, uids, mail.WithExpunged, func(r *mail.MessageRow) error {
		out = append(out, mail.SearchEntry{Message: r.MessageID, Whole: true, Grams: []int32{int32(r.UID % 1000), everyGram}})
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *box) save(mbox mail.MailboxID, upTo mail.UID, entries ...mail.SearchEntry) {
	b.t.Helper()
	if err := b.s.SaveIndexed(b.t.Context(), b.acct, mbox, upTo, entries); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) candidates(gram int32, most int) error {
	_, _, err := b.s.SearchCandidates(b.t.Context(), b.acct, b.inbox, []int32{gram}, most)
	return err
}

// found gives the candidates for a gram among the first 2000 UIDs.
func (b *box) found(mbox mail.MailboxID, gram int32) string {
	b.t.Helper()
	set, ok, err := b.s.SearchCandidates(b.t.Context(), b.acct, mbox, []int32{gram}, 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	if !ok {
		return "any"
	}
	return set.Intersect(mail.UIDSet{{Lo: 1, Hi: 2000}}).String()
}

func (b *box) want(what, got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func TestSearchCandidates(t *testing.T) {
	b := newBox(t)
	to := b.mailbox("to")
	b.fill(b.inbox, 1500)
	b.want("nothing is indexed", b.found(b.inbox, 5), "1:2000")
	uids, upTo, err := b.s.ToIndex(t.Context(), b.acct, b.inbox, 0, 100)
	if err != nil || uids.String() != "1:100" || upTo != 100 {
		t.Fatal(uids, upTo, err)
	}
	b.save(b.inbox, upTo, b.entries(b.inbox, uids)...)
	b.want("a part is indexed", b.found(b.inbox, 5), "5,101:2000")
	b.index(b.inbox, 400)
	b.want("all is indexed", b.found(b.inbox, 5), "5,1005,1501:2000")
	b.want("a gram that all have", b.found(b.inbox, everyGram), "any")
	b.want("one that none has", b.found(b.inbox, 3000), "1501:2000")

	b.store(mail.StoreArgs{UIDs: one(5), Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil {
		t.Fatal(err)
	}
	b.want("a session may still show what was expunged", b.found(b.inbox, 5), "5,1005,1501:2000")
	if _, err := b.s.Copy(t.Context(), b.acct, b.inbox, mail.UIDSet{{Lo: 1004, Hi: 1006}}, to); err != nil {
		t.Fatal(err)
	}
	b.want("a copy is not known at once", b.found(to, 6), "1:2000")
	if uids, upTo, err := b.s.ToIndex(t.Context(), b.acct, to, 0, 10); err != nil || len(uids) > 0 || upTo != 3 {
		t.Errorf("a copy's message is to be read again: %v up to %d, %v", uids, upTo, err)
	}
	b.index(to, 10)
	b.want("a copy", b.found(to, 6), "3:2000")
	b.save(b.inbox, 700)
	b.want("a slower worker takes nothing back", b.found(b.inbox, 3000), "1501:2000")
}

// Another account's grams are not this one's, and a message that was not read
// whole is always a candidate.
func TestSearchCandidatesOfTwoAccounts(t *testing.T) {
	b := newBox(t)
	other := &box{t: t, s: b.s, acct: storetest.Account(t, b.s, "bob@example.test")}
	other.inbox = storetest.Inbox(t, b.s, other.acct)
	b.fill(b.inbox, 10)
	other.fill(other.inbox, 10)
	other.index(other.inbox, 10)
	es := b.entries(b.inbox, all)
	es[3].Whole, es[3].Grams = false, nil
	b.save(b.inbox, 10, es...)
	b.want("mine", b.found(b.inbox, 7), "4,7,11:2000")
	b.want("the other's", other.found(other.inbox, 7), "7,11:2000")
}

func TestSweepTakesGramsWithTheirMessage(t *testing.T) {
	b := newBox(t)
	to := b.mailbox("to")
	b.fill(b.inbox, 20)
	b.index(b.inbox, 10)
	late := b.entries(b.inbox, one(1))
	if _, err := b.s.Copy(t.Context(), b.acct, b.inbox, one(3), to); err != nil {
		t.Fatal(err)
	}
	b.store(mail.StoreArgs{UIDs: mail.UIDSet{{Lo: 1, Hi: 5}}, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
	if _, err := b.s.Expunge(t.Context(), b.acct, b.inbox, nil); err != nil {
		t.Fatal(err)
	}
	grams := func() int64 { return number(t, b.s, "SELECT count(*) FROM search_messages") }
	if _, err := b.s.Purge(t.Context(), store.PurgeArgs{}); err != nil {
		t.Fatal(err)
	}
	if n := grams(); n != 16 {
		t.Errorf("%d entries are left, want 15 and the copied one", n)
	}
	b.save(b.inbox, 20, late...)
	if n := grams(); n != 16 {
		t.Errorf("%d entries: one came back for a message that is gone", n)
	}
	if err := storetest.CheckInvariants(t.Context(), b.s); err != nil {
		t.Error(err)
	}
	if err := b.s.DeleteMailbox(t.Context(), b.acct, "to"); err != nil {
		t.Fatal(err)
	}
	b.index(b.inbox, 10)
	sweep(t, b.s)
	if err := b.s.DeleteAccount(t.Context(), mail.ActorSystem, b.acct); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.SweepDeletedAccounts(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	sweep(t, b.s)
	if n, m := grams(), number(t, b.s, "SELECT count(*) FROM search_state"); n != 0 || m != 0 {
		t.Errorf("%d entries and %d states of a deleted account", n, m)
	}
}

func TestBacklogAndTurn(t *testing.T) {
	b := newBox(t)
	b.fill(b.inbox, 30)
	list, err := b.s.Unindexed(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0] != (mail.Unindexed{Account: b.acct, Mailbox: b.inbox, Messages: 30}) {
		t.Fatal(list, err)
	}
	b.save(b.inbox, 12)
	if p, err := b.s.SearchProgress(t.Context()); p != (mail.SearchProgress{Messages: 30, Unindexed: 18, Unread: 30}) || err != nil {
		t.Errorf("%+v, %v", p, err)
	}
	turns := 0
	err = b.s.IndexTurn(t.Context(), func(ctx context.Context) error {
		turns++
		return b.s.IndexTurn(ctx, func(context.Context) error { turns++; return nil })
	})
	if err != nil || turns != 1 {
		t.Errorf("%d had the turn at once, %v", turns, err)
	}
	if err := b.s.IndexTurn(t.Context(), func(context.Context) error { turns++; return nil }); err != nil || turns != 2 {
		t.Errorf("the turn does not end: %d, %v", turns, err)
	}
}

// Another node's deliveries count too.
func TestDeliveringOfAnyNode(t *testing.T) {
	url := storetest.Database(t)
	s := storetest.Open(t, url)
	if s.Delivering(t.Context()) {
		t.Error("nobody delivers")
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = "postroom deliver"
	other, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	if s.Delivering(t.Context()) {
		t.Error("a connection that waits for deliveries is none")
	}
	if _, err := other.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if !s.Delivering(t.Context()) {
		t.Error("another node's delivery is not seen")
	}
}
