package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// oneChunk is stored content; the store never looks inside.
type oneChunk []byte

func (c oneChunk) Chunks() int               { return 1 }
func (c oneChunk) Chunk(int) ([]byte, error) { return c, nil }

func delivery(from mail.Address, relay ...mail.Address) *mail.Delivery {
	body := oneChunk("stored octets")
	d := &mail.Delivery{Content: body, Summary: mail.Summary{Size: int64(len(body)), HeaderSize: 4},
		Outbound: mail.Outbound{From: from, Prefix: []byte("Received: here\r\n"), Ret: mail.ReturnFull, EnvID: "env", Body8Bit: true},
		Events:   []mail.Event{{Kind: mail.EventAccepted, Text: "from <" + from.String() + ">, 13 octets, message-id <m-" + from.Local + "@x>"}}}
	for _, a := range relay {
		d.Relay = append(d.Relay, mail.Recipient{Address: a, Notify: mail.NotifyFailure, ORcpt: "rfc822;" + a.String()})
	}
	return d
}

// enqueue queues one message and gives its trace.
func enqueue(t testing.TB, s *store.Store, from string, to ...string) mail.TraceID {
	t.Helper()
	var sender mail.Address
	if from != "" {
		sender = addr(t, from)
	}
	var rcpts []mail.Address
	for _, r := range to {
		rcpts = append(rcpts, addr(t, r))
	}
	got, err := s.Deliver(t.Context(), delivery(sender, rcpts...))
	must(t, err)
	return got.Trace
}

func lease(t testing.TB, s *store.Store, a mail.LeaseArgs) []mail.LeasedMessage {
	t.Helper()
	got, err := s.LeaseDue(t.Context(), a)
	must(t, err)
	return got
}

func count(t testing.TB, s *store.Store, sql string, args ...any) (n int) {
	t.Helper()
	must(t, s.QueryForTest(t.Context(), []any{&n}, sql, args...))
	return n
}

// expire makes all leases look as old as those of a worker long dead.
func expire(t testing.TB, s *store.Store) {
	t.Helper()
	must(t, s.ExecForTest(t.Context(), `UPDATE queue_entries SET lease_until = now() - interval '1 second' WHERE state = 'leased'`))
}

func settle(t testing.TB, s *store.Store, dsns []mail.QueueDSN, xs ...mail.Settlement) []mail.SettleResult {
	t.Helper()
	got, err := s.Settle(t.Context(), xs, dsns)
	must(t, err)
	return got
}

func kinds(t testing.TB, s *store.Store, trace mail.TraceID) string {
	t.Helper()
	events, err := s.Timeline(t.Context(), trace)
	must(t, err)
	var k []string
	for _, e := range events {
		k = append(k, string(e.Kind))
	}
	return strings.Join(k, " ")
}

func TestLeaseGivesTheWholeMessage(t *testing.T) {
	s := storetest.New(t)
	trace := enqueue(t, s, "alice@example.test", "用户@bücher.example", "two@bücher.example", "three@other.example")
	got := lease(t, s, mail.LeaseArgs{For: time.Hour})
	if len(got) != 2 {
		t.Fatalf("%d groups; want one per destination", len(got))
	}
	slices.SortFunc(got, func(a, b mail.LeasedMessage) int { return len(b.Entries) - len(a.Entries) })
	m, e := got[0].Message, got[0].Entries[0]
	if m.ID != trace || m.From != addr(t, "alice@example.test") || string(m.Prefix) != "Received: here\r\n" || m.EnvID != "env" ||
		m.Ret != mail.ReturnFull || !m.Body8Bit || m.Size != int64(len("stored octets")+len(m.Prefix)) || m.HeaderSize != 4 || m.ExpiresAt.Before(time.Now()) {
		t.Errorf("message: %+v", m)
	}
	if len(got[0].Entries) != 2 || e.Domain != "xn--bcher-kva.example" || e.Recipient.Address != addr(t, "用户@bücher.example") ||
		e.Recipient.Notify != mail.NotifyFailure || !strings.HasPrefix(e.Recipient.ORcpt, "rfc822;用户") || e.State != mail.QueueLeased {
		t.Errorf("entries: %+v", got[0].Entries)
	}
	if left := time.Until(got[0].Until); left > time.Hour || left < 59*time.Minute {
		t.Errorf("the lease lasts %v", left)
	}
	if again := lease(t, s, mail.LeaseArgs{}); len(again) != 0 {
		t.Errorf("leased twice: %+v", again)
	}
}

func TestLeaseIsFair(t *testing.T) {
	s := storetest.New(t)
	for i := range 30 {
		enqueue(t, s, "a@example.test", fmt.Sprintf("r%d@big.example", i))
	}
	enqueue(t, s, "a@example.test", "x@small.example")
	enqueue(t, s, "a@example.test", "y@busy.example")
	got := lease(t, s, mail.LeaseArgs{Max: 20, PerDomain: 15, BusyDomains: []string{"busy.example"}})
	by := map[string]int{}
	for _, l := range got {
		by[l.Entries[0].Domain] += len(l.Entries)
	}
	if by["big.example"] != 15 || by["small.example"] != 1 || by["busy.example"] != 0 {
		t.Errorf("leased by destination: %v", by)
	}
	if got := lease(t, s, mail.LeaseArgs{Domain: "busy.example"}); len(got) != 1 {
		t.Errorf("asked for one destination: %d", len(got))
	}
}

// TestWorkersNeverShareAnEntry lets workers on two nodes race: each entry is
// leased once, and settled once.
func TestWorkersNeverShareAnEntry(t *testing.T) {
	url := storetest.Database(t)
	nodes := []*store.Store{storetest.Open(t, url), storetest.Open(t, url)}
	const messages = 120
	for i := range messages {
		enqueue(t, nodes[0], "a@example.test", fmt.Sprintf("r%d@d%d.example", i, i%5), fmt.Sprintf("s%d@d%d.example", i, i%5))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	taken := map[mail.EntryID]int{}
	var wg sync.WaitGroup
	for w := range 6 {
		s := nodes[w%2]
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := s.LeaseDue(ctx, mail.LeaseArgs{Max: 7, PerDomain: 3})
				if err != nil {
					t.Error(err)
					return
				}
				var xs []mail.Settlement
				mu.Lock()
				for _, l := range got {
					for _, e := range l.Entries {
						taken[e.ID]++
						xs = append(xs, mail.Settlement{Entry: e.ID, Token: l.Token, Outcome: mail.OutcomeDelivered})
					}
				}
				done := len(taken) == 2*messages
				mu.Unlock()
				if len(xs) > 0 {
					rs, err := s.Settle(ctx, xs, nil)
					if err != nil {
						t.Error(err)
						return
					}
					for _, r := range rs {
						if r.Err != nil {
							t.Errorf("settle: %v", r.Err)
						}
					}
				}
				if done {
					return
				}
			}
		})
	}
	wg.Wait()
	if len(taken) != 2*messages {
		t.Fatalf("%d of %d entries were leased", len(taken), 2*messages)
	}
	for id, n := range taken {
		if n != 1 {
			t.Errorf("entry %d was leased %d times", id, n)
		}
	}
	for table, want := range map[string]int{"queue_entries": 0, "queue_messages": 0, "blob_refs": 0, "blob_orphans": messages} {
		if n := count(t, nodes[0], `SELECT count(*) FROM `+table); n != want {
			t.Errorf("%s: %d rows; want %d", table, n, want)
		}
	}
}

func TestSettleWritesOutcomes(t *testing.T) {
	s := storetest.New(t)
	trace := enqueue(t, s, "a@example.test", "ok@d.example", "later@d.example", "no@d.example", "back@d.example")
	l := lease(t, s, mail.LeaseArgs{})[0]
	out := map[string]mail.Outcome{"ok": mail.OutcomeDelivered, "later": mail.OutcomeDeferred, "no": mail.OutcomeFailed, "back": mail.OutcomeReturned}
	next := time.Now().Add(20 * time.Minute)
	var xs []mail.Settlement
	for _, e := range l.Entries {
		xs = append(xs, mail.Settlement{Entry: e.ID, Token: l.Token, Outcome: out[e.Recipient.Address.Local], Next: next,
			Reply: mail.RemoteReply{Code: 451, Status: "4.3.0", Text: "try\x00 later\r\nplease \xff", Remote: "mx.d.example [192.0.2.1]"}})
	}
	for _, r := range settle(t, s, nil, xs...) {
		must(t, r.Err)
	}
	items, err := s.QueueList(t.Context(), mail.QueueFilter{Message: trace})
	must(t, err)
	if len(items) != 2 {
		t.Fatalf("%d entries left; want the deferred and the returned one", len(items))
	}
	for _, it := range items {
		e := it.Entry
		tried := e.Recipient.Address.Local == "later"
		if e.State != mail.QueueReady || e.NextAttempt.Sub(next).Abs() > time.Minute {
			t.Errorf("%s: %+v", e.Recipient.Address.Local, e)
		}
		if tried != (e.Attempts == 1) || tried != (e.Last.Code == 451) || tried == e.LastAttempt.IsZero() {
			t.Errorf("%s: attempts %d, last %+v", e.Recipient.Address.Local, e.Attempts, e.Last)
		}
		if tried && e.Last.Text != "try  later  please ?" {
			t.Errorf("last text %q", e.Last.Text)
		}
	}
	if got := kinds(t, s, trace); strings.Count(got, "delivered")+strings.Count(got, "deferred")+strings.Count(got, "failed") != 3 {
		t.Errorf("timeline: %s", got)
	}
	due, err := s.NextDue(t.Context())
	must(t, err)
	if due.Sub(next).Abs() > time.Minute {
		t.Errorf("next due in %v", time.Until(due))
	}
	if n := count(t, s, `SELECT count(*) FROM blob_refs`); n != 1 {
		t.Errorf("%d refs to the blob of a message still queued", n)
	}
}

func TestDeadWorkerIsReplaced(t *testing.T) {
	s := storetest.New(t)
	trace := enqueue(t, s, "a@example.test", "r@d.example")
	dead := lease(t, s, mail.LeaseArgs{})[0]
	e := dead.Entries[0].ID
	if lost, err := s.RenewLeases(t.Context(), []mail.EntryID{e}, dead.Token, time.Now().Add(time.Hour)); err != nil || len(lost) != 0 {
		t.Fatalf("renew: %v, %v", lost, err)
	}
	expire(t, s)
	heir := lease(t, s, mail.LeaseArgs{})
	if len(heir) != 1 || heir[0].Entries[0].ID != e || heir[0].Entries[0].Attempts != 1 {
		t.Fatalf("taken over: %+v", heir)
	}
	if lost, err := s.RenewLeases(t.Context(), []mail.EntryID{e}, dead.Token, time.Now().Add(time.Hour)); err != nil || len(lost) != 1 {
		t.Errorf("the dead worker renewed: %v, %v", lost, err)
	}
	r := settle(t, s, nil, mail.Settlement{Entry: e, Token: dead.Token, Outcome: mail.OutcomeFailed})
	wantCode(t, r[0].Err, mail.CodeExpired)
	good := mail.Settlement{Entry: e, Token: heir[0].Token, Outcome: mail.OutcomeDelivered}
	must(t, settle(t, s, nil, good)[0].Err)
	wantCode(t, settle(t, s, nil, good)[0].Err, mail.CodeExpired) // settled twice
	if got := kinds(t, s, trace); got != "accepted queued deferred delivered" {
		t.Errorf("timeline: %s", got)
	}
	if got := lease(t, s, mail.LeaseArgs{}); len(got) != 0 {
		t.Errorf("still queued: %+v", got)
	}
}

func TestRestartedNodeTakesItsLeasesBack(t *testing.T) {
	url := storetest.Database(t)
	named := func(n string) func(*store.Config) { return func(c *store.Config) { c.NodeName = n } }
	killed, other := storetest.Open(t, url, named("one")), storetest.Open(t, url, named("two"))
	enqueue(t, killed, "a@example.test", "r@d.example")
	enqueue(t, killed, "a@example.test", "r@e.example")
	lease(t, killed, mail.LeaseArgs{Domain: "d.example"})
	lease(t, other, mail.LeaseArgs{})
	again := storetest.Open(t, url, named("one"))
	if n, err := again.ReleaseOrphans(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d leases taken back, %v; want the one of the killed process", n, err)
	}
	if got := lease(t, again, mail.LeaseArgs{}); len(got) != 1 || got[0].Entries[0].Domain != "d.example" {
		t.Errorf("leased again: %+v", got)
	}
	if n, err := other.ReleaseOrphans(t.Context()); err != nil || n != 0 {
		t.Errorf("a node took its own leases back: %d, %v", n, err)
	}
}

// TestCommandReachesTheServer closes the store right after an action, as a
// command line does: the serving node hears of it.
func TestCommandReachesTheServer(t *testing.T) {
	url := storetest.Database(t)
	ready := make(chan struct{}, 1)
	server := storetest.Open(t, url, func(c *store.Config) {
		c.PollEvery = time.Hour
		c.Hook = func(point string) {
			if point == "listen:ready" {
				ready <- struct{}{}
			}
		}
	})
	<-ready
	newDomain(t, server, "example.test")
	id := newAccount(t, server, "alice@example.test")
	enqueue(t, server, "alice@example.test", "r@d.example")
	<-server.QueueWake()
	w := server.WatchAccount(id)
	defer w.Close()
	cli := storetest.Open(t, url)
	must(t, cli.DisableAccount(t.Context(), tester, id))
	_, _, err := cli.QueueRetry(t.Context(), tester, mail.QueueFilter{})
	must(t, err)
	cli.Close()
	for name, c := range map[string]<-chan struct{}{"session": w.C, "queue": server.QueueWake()} {
		select {
		case <-c:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: not woken", name)
		}
	}
}

func TestSettleWithDSN(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	alice := newAccount(t, s, "alice@example.test")
	trace := enqueue(t, s, "alice@example.test", "r@d.example", "q@d.example", "z@d.example")
	l := lease(t, s, mail.LeaseArgs{})[0]
	ids := []mail.EntryID{l.Entries[0].ID, l.Entries[1].ID, l.Entries[2].ID}
	local := func() *mail.Delivery {
		d := delivery(mail.Address{})
		d.Events = nil
		d.Locals = []mail.LocalDelivery{{Account: alice, Received: time.Now(), Recipient: addr(t, "alice@example.test")}}
		return d
	}
	fails := func(token mail.LeaseToken, ids ...mail.EntryID) (xs []mail.Settlement) {
		for _, id := range ids {
			xs = append(xs, mail.Settlement{Entry: id, Token: token, Outcome: mail.OutcomeFailed})
		}
		return xs
	}
	inbox := func() int {
		return count(t, s, `SELECT messages FROM mailbox_counters WHERE account_id = $1 AND mailbox_id = $2`, int64(alice), int64(storetest.Inbox(t, s, alice)))
	}

	// The third entry's lease is lost: neither of the two that share its DSN is settled.
	xs := append(fails(l.Token, ids[0], ids[1]), fails(l.Token+1, ids[2])...)
	rs := settle(t, s, []mail.QueueDSN{{Kind: mail.DSNFailure, Entries: []mail.EntryID{ids[1], ids[2]}, Delivery: local()},
		{Kind: mail.DSNFailure, Entries: []mail.EntryID{ids[0]}, Delivery: local()}}, xs...)
	must(t, rs[0].Err)
	wantCode(t, rs[1].Err, mail.CodeConflict)
	wantCode(t, rs[2].Err, mail.CodeExpired)
	if n := inbox(); n != 1 {
		t.Fatalf("%d DSNs arrived; want one", n)
	}

	// The delay DSN goes once, and leaves the entry in the queue.
	w := s.Watch(alice, storetest.Inbox(t, s, alice))
	defer w.Close()
	later := mail.Settlement{Entry: ids[1], Token: l.Token, Outcome: mail.OutcomeDeferred}
	must(t, settle(t, s, []mail.QueueDSN{{Kind: mail.DSNDelay, Entries: ids[1:2], Delivery: local()}}, later)[0].Err)
	<-w.C
	again := lease(t, s, mail.LeaseArgs{})[0]
	if again.Entries[0].DelayDSNAt.IsZero() {
		t.Error("the delay DSN was not noted")
	}
	later.Token = again.Token
	must(t, settle(t, s, []mail.QueueDSN{{Kind: mail.DSNDelay, Entries: ids[1:2], Delivery: local()}}, later)[0].Err)
	if n := inbox(); n != 2 {
		t.Errorf("%d DSNs arrived; want two", n)
	}

	// A DSN to an account that is gone keeps nothing from being settled; one
	// to an outside sender is queued.
	must(t, s.DeleteAccount(ctx, tester, alice))
	_, err := s.SweepDeletedAccounts(ctx, time.Now().Add(time.Hour))
	must(t, err)
	outside := delivery(mail.Address{}, addr(t, "alice@outside.example"))
	last := lease(t, s, mail.LeaseArgs{})[0]
	rs = settle(t, s, []mail.QueueDSN{{Kind: mail.DSNFailure, Entries: ids[1:2], Delivery: local()},
		{Kind: mail.DSNFailure, Entries: ids[2:3], Delivery: outside}},
		append(fails(last.Token, ids[1]), fails(l.Token, ids[2])...)...)
	must(t, rs[0].Err)
	must(t, rs[1].Err)
	queued, err := s.QueueList(ctx, mail.QueueFilter{Sender: "<>"})
	if err != nil || len(queued) != 1 || queued[0].Entry.Domain != "outside.example" {
		t.Errorf("the DSN to outside: %+v, %v", queued, err)
	}
	events, err := s.Timeline(ctx, trace)
	must(t, err)
	if e := events[len(events)-1]; e.Kind != mail.EventDSN || !strings.Contains(e.Text, outside.Trace.String()) {
		t.Errorf("the timeline ends with %+v", e)
	}
}
