package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// breaker breaks the next connection that commits: before COMMIT leaves, or
// after the server answered.
type breaker struct {
	when atomic.Int32
	hits atomic.Int32
}

const (
	breakNever = iota
	breakBefore
	breakAfter
)

func (b *breaker) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &breakingConn{Conn: c, b: b}, nil
}

type breakingConn struct {
	net.Conn
	b     *breaker
	armed atomic.Bool
}

func (c *breakingConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("COMMIT\x00")) {
		switch {
		case c.b.when.CompareAndSwap(breakBefore, breakNever):
			c.b.hits.Add(1)
			c.Close()
			return 0, errors.New("cut")
		case c.b.when.CompareAndSwap(breakAfter, breakNever):
			c.armed.Store(true)
		}
	}
	return c.Conn.Write(p)
}

func (c *breakingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.armed.CompareAndSwap(true, false) {
		c.b.hits.Add(1)
		c.Close()
		return 0, io.EOF
	}
	return n, err
}

func TestLostCommitAnswer(t *testing.T) {
	for name, when := range map[string]int32{"the commit never left": breakBefore, "the answer never came": breakAfter} {
		t.Run(name, func(t *testing.T) {
			var b breaker
			s := storetest.New(t, func(c *store.Config) { c.Dial = b.dial })
			a := storetest.Account(t, s, "alice@example.test")
			for i := range 3 {
				b.when.Store(when)
				got, err := s.Deliver(t.Context(), storetest.Delivery(body(200), a))
				if err != nil {
					t.Fatal(err)
				}
				if want := mail.UID(i + 1); len(got.Filed) != 1 || got.Filed[0].UID != want {
					t.Errorf("filed %+v, want uid %d: the message is there twice or not at all", got.Filed, want)
				}
			}
			if n := b.hits.Load(); n != 3 {
				t.Fatalf("broke %d connections, want 3", n)
			}
			var n int
			if err := s.QueryForTest(t.Context(), []any{&n}, "SELECT count(*) FROM mailbox_messages"); err != nil || n != 3 {
				t.Errorf("%d messages, %v", n, err)
			}
			sound(t, s)
		})
	}
}

func TestConnectionsThatDiedIdle(t *testing.T) {
	s := storetest.New(t)
	a := storetest.Account(t, s, "alice@example.test")
	for range 3 {
		if _, err := s.Deliver(t.Context(), storetest.Delivery(body(200), a)); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := s.QueryForTest(t.Context(), []any{&n}, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, s)
}
