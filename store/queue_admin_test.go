package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store/storetest"
)

func TestQueueByHand(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	one := enqueue(t, s, "a@example.test", "r@d.example", "r@e.example")
	two := enqueue(t, s, "b@example.test", "R2@d.example")
	act := func(f func(context.Context, mail.Actor, mail.QueueFilter) (int, int, error), q mail.QueueFilter, want, wantBusy int) {
		t.Helper()
		n, busy, err := f(ctx, tester, q)
		if err != nil || n != want || busy != wantBusy {
			t.Errorf("changed %d, busy %d, %v; want %d, %d", n, busy, err, want, wantBusy)
		}
	}
	act(s.QueueHold, mail.QueueFilter{Domain: "d.example"}, 2, 0)
	got := lease(t, s, mail.LeaseArgs{})
	if len(got) != 1 || got[0].Entries[0].Domain != "e.example" {
		t.Fatalf("leased beside held ones: %+v", got)
	}
	act(s.QueueDelete, mail.QueueFilter{Message: one}, 1, 1)
	act(s.QueueRelease, mail.QueueFilter{Recipient: "r2@D.example"}, 1, 0)
	must(t, settle(t, s, nil, mail.Settlement{Entry: got[0].Entries[0].ID, Token: got[0].Token, Outcome: mail.OutcomeDeferred, Next: time.Now().Add(time.Hour)})[0].Err)
	act(s.QueueRetry, mail.QueueFilter{Sender: "A@example.test"}, 1, 0)
	if got := lease(t, s, mail.LeaseArgs{}); len(got) != 2 {
		t.Errorf("after release and retry %d are due; want 2", len(got))
	}
	expire(t, s)
	_, err := s.ReleaseExpired(ctx)
	must(t, err)
	act(s.QueueDelete, mail.QueueFilter{}, 2, 0)
	for _, table := range []string{"queue_entries", "queue_messages", "blob_refs"} {
		if n := count(t, s, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%s: %d rows left", table, n)
		}
	}
	if got := kinds(t, s, two); got != "accepted queued held released deferred deleted" {
		t.Errorf("timeline: %s", got)
	}
	st, err := s.QueueStats(ctx)
	if err != nil || st.Messages+st.Ready+st.Leased+st.Held != 0 || !st.OldestAt.IsZero() {
		t.Errorf("stats of an empty queue: %+v, %v", st, err)
	}
}

func TestAfterRestore(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	id := newAccount(t, s, "alice@example.test")
	newAccount(t, s, "bob@example.test")
	enqueue(t, s, "alice@example.test", "r@d.example", "q@d.example")
	lease(t, s, mail.LeaseArgs{Max: 1})
	before := count(t, s, `SELECT max(uidvalidity) FROM mailboxes`)
	boxes, held, err := s.AfterRestore(ctx, tester)
	if err != nil || boxes != 12 || held != 2 {
		t.Fatalf("AfterRestore: %d mailboxes, %d held, %v", boxes, held, err)
	}
	if n := count(t, s, `SELECT count(*) FROM mailboxes WHERE uidvalidity <= $1`, before); n != 0 {
		t.Errorf("%d mailboxes kept a UIDVALIDITY that was given out", n)
	}
	if n := count(t, s, `SELECT count(DISTINCT uidvalidity) FROM mailboxes WHERE account_id = $1`, int64(id)); n != 6 {
		t.Errorf("%d different UIDVALIDITYs; want 6", n)
	}
	if got := lease(t, s, mail.LeaseArgs{}); len(got) != 0 {
		t.Errorf("leased before the review: %+v", got)
	}
	enqueue(t, s, "alice@example.test", "new@d.example")
	if got := lease(t, s, mail.LeaseArgs{}); len(got) != 1 {
		t.Errorf("mail queued after the restore: %d leased", len(got))
	}
	items, err := s.QueueList(ctx, mail.QueueFilter{State: mail.QueueHeld})
	if err != nil || len(items) != 2 || !items[0].AwaitsReview {
		t.Fatalf("held: %+v, %v", items, err)
	}
	n, _, err := s.QueueRelease(ctx, tester, mail.QueueFilter{Entry: items[0].Entry.ID})
	if err != nil || n != 1 || len(lease(t, s, mail.LeaseArgs{})) != 1 {
		t.Errorf("released for one entry: %d, %v", n, err)
	}
	st, err := s.QueueStats(ctx)
	if err != nil || st.AwaitsReview != 1 || st.Leased != 2 || st.Messages != 2 {
		t.Errorf("stats: %+v, %v", st, err)
	}
}

func TestFindTraces(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	one := enqueue(t, s, "a@example.test", "r@d.example")
	two := enqueue(t, s, "b@example.test", "R@d.example", "q@d.example")
	since := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		q    mail.TraceQuery
		want []mail.TraceID
	}{
		"recipient":       {mail.TraceQuery{Recipient: "r@D.example"}, []mail.TraceID{two, one}},
		"sender":          {mail.TraceQuery{Sender: "A@example.test"}, []mail.TraceID{one}},
		"both":            {mail.TraceQuery{Recipient: "r@d.example", Sender: "b@example.test"}, []mail.TraceID{two}},
		"message id":      {mail.TraceQuery{MessageID: "<m-b@x>"}, []mail.TraceID{two}},
		"limit":           {mail.TraceQuery{Recipient: "r@d.example", Limit: 1}, []mail.TraceID{two}},
		"nobody":          {mail.TraceQuery{Recipient: "x@d.example"}, nil},
		"out of the time": {mail.TraceQuery{Recipient: "r@d.example", Until: since}, nil},
	} {
		c.q.Since = since
		hits, err := s.FindTraces(ctx, c.q)
		must(t, err)
		var got []mail.TraceID
		for _, h := range hits {
			got = append(got, h.Trace)
			if h.Last != mail.EventQueued || !strings.HasPrefix(h.Text, "from <") {
				t.Errorf("%s: %+v", name, h)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v; want %v", name, got, c.want)
		}
	}
	_, err := s.FindTraces(ctx, mail.TraceQuery{})
	wantCode(t, err, mail.CodeInvalid)
	_, err = s.Timeline(ctx, 5)
	wantCode(t, err, mail.CodeNotFound)
}
