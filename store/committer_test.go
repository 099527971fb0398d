package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func oneCommitter(c *store.Config) { c.Committers = 1 }

// gate is a hook that holds the committer at its first commit, so that what
// comes meanwhile waits and becomes one group.
type gate struct {
	once    sync.Once
	reached chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{reached: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) hook(point string) {
	if point == "deliver:before-commit" {
		g.once.Do(func() {
			close(g.reached)
			<-g.open
		})
	}
}

func TestFailedMembersHurtNobody(t *testing.T) {
	g := newGate()
	s := storetest.New(t, oneCommitter, func(c *store.Config) { c.Hook = g.hook })
	as := accounts(t, s, 12)
	full, gone := as[10], as[11]
	exec(t, s, "UPDATE accounts SET quota_bytes = 2000 WHERE id = $1", full)
	exec(t, s, "UPDATE accounts SET deleted_at = now() WHERE id = $1", gone)
	taken := mail.TraceID(s.NewID())
	exec(t, s, `INSERT INTO queue_messages (id, blob_id, account_id, sender, prefix, size, header_size, ret, envid, utf8, body8bit, expires_at)
		VALUES ($1, 0, 0, '', '', 0, 0, 0, '', false, false, now())`, taken)

	var wg sync.WaitGroup
	deliver := func(d *mail.Delivery, code mail.Code, fine bool) {
		wg.Go(func() {
			got, err := s.Deliver(t.Context(), d)
			switch {
			case fine && err != nil:
				t.Error(err)
			case fine && len(got.Filed) != len(d.Locals):
				t.Errorf("filed %+v", got.Filed)
			case !fine:
				wantCode(t, err, code)
			}
		})
	}
	deliver(storetest.Delivery(body(100), as[0]), 0, true)
	<-g.reached
	for i := range 10 {
		deliver(storetest.Delivery(body(100), as[i], as[(i+1)%10]), 0, true)
	}
	deliver(storetest.Delivery(body(3000), full), mail.CodeOverQuota, false)
	deliver(storetest.Delivery(body(100), full), 0, true)
	deliver(storetest.Delivery(body(100), gone), mail.CodeNoSuchUser, false)
	lost := storetest.Delivery(body(100), as[3])
	lost.Locals[0].Mailbox = 12345
	deliver(lost, mail.CodeNotFound, false)
	twice := storetest.Delivery(body(100), as[4])
	twice.Trace = taken
	twice.Relay = []mail.Recipient{{Address: mail.Address{Local: "x", Domain: "remote.test"}}}
	deliver(twice, mail.CodeExists, false)
	close(g.open)
	wg.Wait()
	exec(t, s, "DELETE FROM queue_messages")
	sound(t, s)
}

func exec(t testing.TB, s *store.Store, sql string, args ...any) {
	t.Helper()
	if err := s.ExecForTest(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func number(t testing.TB, s *store.Store, sql string, args ...any) (n int64) {
	t.Helper()
	if err := s.QueryForTest(t.Context(), []any{&n}, sql, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHeldMailboxBlocksNoNeighbours(t *testing.T) {
	url := storetest.Database(t)
	s := storetest.Open(t, url, oneCommitter)
	as := accounts(t, s, 3)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM mailbox_state WHERE account_id = $1 FOR NO KEY UPDATE", as[0]); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 5)
	for range cap(held) {
		go func() {
			_, err := s.Deliver(t.Context(), storetest.Delivery(body(100), as[0]))
			held <- err
		}()
	}
	for i := range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := s.Deliver(ctx, storetest.Delivery(body(100), as[1+i%2]))
		cancel()
		if err != nil {
			t.Fatalf("a neighbour waited: %v", err)
		}
	}
	select {
	case err := <-held:
		t.Fatalf("delivered into a mailbox that is locked (%v)", err)
	default:
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range cap(held) {
		if err := <-held; err != nil {
			t.Error(err)
		}
	}
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages WHERE account_id = $1", as[0]); n != 5 {
		t.Errorf("%d messages after the lock went, want 5", n)
	}
	sound(t, s)
}

// Between deliveries, other writers change the counters that the next delivery
// starts from.
func TestCountersThatOthersMove(t *testing.T) {
	s := storetest.New(t)
	as := accounts(t, s, 4)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 30 {
				if _, err := s.Deliver(t.Context(), storetest.Delivery(body(50), as[i], as[(i+j)%4])); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			inbox := storetest.Inbox(t, s, as[i])
			for j := range 60 {
				a := mail.StoreArgs{Account: as[i], Mailbox: inbox, UIDs: mail.UIDSet{{Lo: 1, Hi: 1000}}, Mode: mail.StoreAdd + mail.StoreMode(j%2), Flags: mail.FlagSeen}
				if _, err := s.StoreFlags(t.Context(), a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages"); n != 4*30*2 {
		t.Errorf("%d messages, want %d", n, 4*30*2)
	}
	sound(t, s)
}

func TestCloseWaitsForWhatBegan(t *testing.T) {
	g := newGate()
	url := storetest.Database(t)
	s := storetest.Open(t, url, oneCommitter, func(c *store.Config) { c.Hook = g.hook })
	as := accounts(t, s, 2)
	done := make(chan error, 9)
	go func() { _, err := s.Deliver(t.Context(), storetest.Delivery(body(50), as[0])); done <- err }()
	<-g.reached
	for range 8 {
		go func() { _, err := s.Deliver(t.Context(), storetest.Delivery(body(50), as[1])); done <- err }()
	}
	go close(g.open)
	s.Close()
	accepted := int64(0)
	for range 9 {
		if err := <-done; err == nil {
			accepted++
		} else {
			wantCode(t, err, mail.CodeUnavailable)
		}
	}
	again := storetest.Open(t, url)
	if n := number(t, again, "SELECT count(*) FROM mailbox_messages"); n != accepted || n == 0 {
		t.Errorf("%d messages stored, %d accepted", n, accepted)
	}
	_, err := s.Deliver(t.Context(), storetest.Delivery(body(50), as[0]))
	wantCode(t, err, mail.CodeUnavailable)
}

func TestCallerThatGivesUpBeforeItsTurn(t *testing.T) {
	g := newGate()
	s := storetest.New(t, oneCommitter, func(c *store.Config) { c.Hook = g.hook })
	a := storetest.Account(t, s, "alice@example.test")
	first := make(chan error, 1)
	go func() { _, err := s.Deliver(t.Context(), storetest.Delivery(body(50), a)); first <- err }()
	<-g.reached
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { _, err := s.Deliver(ctx, storetest.Delivery(body(50), a)); second <- err }()
	cancel()
	wantCode(t, <-second, mail.CodeUnavailable)
	close(g.open)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if n := number(t, s, "SELECT count(*) FROM mailbox_messages"); n != 1 {
		t.Errorf("%d messages, want the first only", n)
	}
}
