package store_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"postroom/imapd/view"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// session is a client that keeps its list of UIDs as RFC 9051 §7.5.1 says,
// from untagged responses alone.
type session struct {
	b    *box
	ctx  context.Context
	v    *view.View
	told []mail.UID
	rnd  *rand.Rand
}

func (c *session) flush(mayExpunge bool) {
	if err := c.v.Sync(c.ctx); err != nil {
		c.b.t.Errorf("sync: %v", err)
	}
	if err := c.v.Build(c.ctx); err != nil {
		c.b.t.Errorf("build: %v", err)
	}
	for _, u := range c.v.Flush(mayExpunge) {
		switch u.Kind {
		case view.Exists:
			for n := uint32(len(c.told)) + 1; n <= u.Seq; n++ {
				uid, ok := c.v.UID(n)
				if !ok || len(c.told) > 0 && uid <= c.told[len(c.told)-1] {
					c.b.t.Errorf("message %d has UID %d after %v", n, uid, c.told[len(c.told)-1:])
				}
				c.told = append(c.told, uid)
			}
		case view.Expunged:
			if c.told[u.Seq-1] != u.Row.UID {
				c.b.t.Errorf("EXPUNGE %d is UID %d, client has %d", u.Seq, u.Row.UID, c.told[u.Seq-1])
			}
			c.told = slices.Delete(c.told, int(u.Seq-1), int(u.Seq))
		case view.Flags:
			if c.told[u.Seq-1] != u.Row.UID {
				c.b.t.Errorf("FETCH %d is UID %d, client has %d", u.Seq, u.Row.UID, c.told[u.Seq-1])
			}
		}
	}
}

// some gives UIDs that the client counts, by sequence numbers.
func (c *session) some() mail.UIDSet {
	n := uint32(len(c.told))
	if n == 0 {
		return nil
	}
	lo := 1 + c.rnd.Uint32N(n)
	set, ok := c.v.UIDs([]view.SeqRange{{Lo: lo, Hi: min(n, lo+c.rnd.Uint32N(4))}})
	if !ok {
		c.b.t.Error("a number in range has no UID")
	}
	return set
}

func (c *session) step(trash mail.MailboxID) error {
	s, b := c.b.s, c.b
	switch c.rnd.IntN(7) {
	case 0:
		_, err := s.Deliver(c.ctx, storetest.Delivery([]byte("Subject: x\r\n\r\nhello\r\n"), b.acct))
		return err
	case 1:
		_, err := s.Copy(c.ctx, b.acct, b.inbox, c.some(), b.inbox)
		return err
	case 2:
		_, err := s.Move(c.ctx, b.acct, b.inbox, c.some(), trash)
		return err
	case 3:
		set := c.some()
		_, err := s.Expunge(c.ctx, b.acct, b.inbox, &set)
		return err
	case 4:
		c.v.Release()
		return nil
	default:
		r, err := s.StoreFlags(c.ctx, mail.StoreArgs{Account: b.acct, Mailbox: b.inbox, UIDs: c.some(),
			Mode: mail.StoreMode(c.rnd.IntN(3)), Flags: mail.Flags(c.rnd.IntN(32)), Keywords: []string{"a", "b"}[:c.rnd.IntN(3)]})
		c.v.Told(r.Rows)
		return err
	}
}

// Sessions on two nodes change one mailbox at once. None is ever told a number
// that means another message to it, and in the end all have what is there.
func TestSessionsOnTwoNodesAgree(t *testing.T) {
	url := storetest.Database(t)
	nodes := []*box{{t: t, s: storetest.Open(t, url)}, {t: t, s: storetest.Open(t, url)}}
	acct := storetest.Account(t, nodes[0].s, "alice@example.test")
	inbox := storetest.Inbox(t, nodes[0].s, acct)
	for _, b := range nodes {
		b.acct, b.inbox = acct, inbox
	}
	nodes[0].fill(inbox, 50)
	trash, _, err := nodes[0].s.MailboxByName(t.Context(), acct, "Trash")
	if err != nil {
		t.Fatal(err)
	}
	regs := []*view.Registry{view.NewRegistry(nodes[0].s), view.NewRegistry(nodes[1].s)}
	sessions := make([]*session, 6)
	for i := range sessions {
		_, st := nodes[0].load(inbox)
		c := &session{b: nodes[i%2], ctx: t.Context(), v: regs[i%2].Open(acct, inbox, st), rnd: rand.New(rand.NewPCG(7, uint64(i)))}
		if err := c.v.Build(t.Context()); err != nil {
			t.Fatal(err)
		}
		for n := uint32(1); n <= c.v.Messages(); n++ {
			uid, _ := c.v.UID(n)
			c.told = append(c.told, uid)
		}
		sessions[i] = c
	}
	var wg sync.WaitGroup
	for i, c := range sessions {
		wg.Go(func() {
			for range 60 {
				c.flush(c.rnd.IntN(2) == 0)
				if err := c.step(trash.ID); err != nil {
					t.Errorf("session %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	rows, _ := nodes[0].load(inbox)
	for i, c := range sessions {
		c.flush(true)
		if got := mail.UIDSetOf(c.told...).String(); got != uidsOf(rows).String() {
			t.Errorf("session %d has %s, the mailbox %s", i, got, uidsOf(rows))
		}
		for _, r := range rows {
			if m, ok := c.v.Row(r.UID); !ok || m.Flags != r.Flags || m.ModSeq != r.ModSeq || !slices.Equal(m.Keywords, r.Keywords) {
				t.Errorf("session %d has %+v, the mailbox %+v", i, m, r)
			}
		}
		c.v.Close()
	}
	nodes[0].check()
}
