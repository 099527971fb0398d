package view

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"postroom/internal/mail"
)

// client is what a naive IMAP client keeps: the UIDs by sequence number, and
// the modseq of the flags it knows.
type client struct {
	v      *View
	told   []mail.UID
	known  map[mail.UID]mail.ModSeq
	flags  map[mail.UID]mail.Flags
	synced []mail.MessageFlags // the mailbox at the last Sync
}

func (c *client) learn(r mail.MessageFlags) { c.known[r.UID], c.flags[r.UID] = r.ModSeq, r.Flags }

type model struct {
	t       *rapid.T
	src     *fakeSource
	nodes   [2]*Registry // of one mailbox
	clients []*client
	recent  map[mail.UID]bool // to some client
}

func (m *model) open() {
	if len(m.clients) == 4 {
		m.close()
	}
	reg := m.nodes[rapid.IntRange(0, 1).Draw(m.t, "node")]
	c := &client{v: reg.Open(1, 2, m.src.state()), known: map[mail.UID]mail.ModSeq{}, flags: map[mail.UID]mail.Flags{}, synced: slices.Clone(m.src.rows)}
	for _, r := range m.src.rows {
		c.told = append(c.told, r.UID)
		c.learn(r)
	}
	m.clients = append(m.clients, c)
}

func (m *model) close() {
	if len(m.clients) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.clients)-1).Draw(m.t, "close")
	m.clients[i].v.Close()
	m.clients = slices.Delete(m.clients, i, i+1)
}

func (m *model) pick() *client {
	if len(m.clients) == 0 {
		m.open()
	}
	return m.clients[rapid.IntRange(0, len(m.clients)-1).Draw(m.t, "client")]
}

func (m *model) sync(c *client) {
	if err := c.v.Sync(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	c.synced = slices.Clone(m.src.rows)
}

// claim makes what the client was told of \Recent to it: nothing that is to
// another, on whichever node, and nothing that it was not told of.
func (m *model) claim(c *client) {
	m.src.claimErr = rapid.SampledFrom([]error{nil, nil, nil, errors.New("away")}).Draw(m.t, "claim error")
	r, err := c.v.Claim(context.Background())
	if err != nil {
		m.src.claimErr = nil
		r, err = c.v.Claim(context.Background())
	}
	if err != nil {
		m.t.Fatal(err)
	}
	messages := 0
	for uid := r.UIDs.Lo; uid <= r.UIDs.Hi; uid++ {
		if m.recent[uid] || uid >= c.v.UIDNext() {
			m.t.Fatalf("UID %d is \\Recent to two, or to one that counts to %d", uid, c.v.UIDNext())
		}
		m.recent[uid] = true
		if slices.ContainsFunc(m.src.rows, func(r mail.MessageFlags) bool { return r.UID == uid }) {
			messages++
		}
	}
	if int(r.Messages) != messages {
		m.t.Fatalf("claimed %d messages, there are %d", r.Messages, messages)
	}
}

func (m *model) build(c *client) {
	if !c.v.built() {
		c.synced = slices.Clone(m.src.rows)
	}
	if err := c.v.Build(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	m.checkNumbers(c)
}

func (m *model) checkNumbers(c *client) {
	if got := c.v.Messages(); got != uint32(len(c.told)) {
		m.t.Fatalf("Messages %d, client counts %d", got, len(c.told))
	}
	if !c.v.built() {
		return
	}
	for i, uid := range c.told {
		if got, ok := c.v.UID(uint32(i + 1)); !ok || got != uid {
			m.t.Fatalf("UID of %d is %d, want %d", i+1, got, uid)
		}
		if got, ok := c.v.Seq(uid); !ok || got != uint32(i+1) {
			m.t.Fatalf("number of UID %d is %d, want %d", uid, got, i+1)
		}
		if got, ok := c.v.AsOf(uid, c.known[uid]); ok && got.Flags != c.flags[uid] {
			m.t.Fatalf("UID %d had flags %b at %d, the client knows %b", uid, got.Flags, c.known[uid], c.flags[uid])
		}
	}
	if _, ok := c.v.UID(uint32(len(c.told) + 1)); ok {
		m.t.Fatal("a number above Messages has a UID")
	}
}

// flush applies the updates as a client does and compares with the mailbox.
func (m *model) flush(c *client, mayExpunge bool) {
	before := len(c.told)
	for _, u := range c.v.Flush(mayExpunge) {
		switch u.Kind {
		case Expunged:
			if !mayExpunge {
				m.t.Fatal("an EXPUNGE that is not allowed")
			}
			if uid := c.told[u.Seq-1]; uid != u.Row.UID {
				m.t.Fatalf("EXPUNGE %d means UID %d, client has %d there", u.Seq, u.Row.UID, uid)
			}
			c.told = slices.Delete(c.told, int(u.Seq-1), int(u.Seq))
		case Exists:
			if int(u.Seq) <= len(c.told) {
				m.t.Fatalf("EXISTS %d does not grow %d", u.Seq, len(c.told))
			}
			fresh := int(u.Seq) - len(c.told)
			for _, r := range c.synced[len(c.synced)-fresh:] {
				c.told = append(c.told, r.UID)
				c.learn(r)
			}
		case Flags:
			if uid := c.told[u.Seq-1]; uid != u.Row.UID {
				m.t.Fatalf("FETCH %d means UID %d, client has %d there", u.Seq, u.Row.UID, uid)
			}
			if u.Row.ModSeq <= c.known[u.Row.UID] {
				m.t.Fatalf("FETCH of UID %d repeats modseq %d", u.Row.UID, u.Row.ModSeq)
			}
			c.learn(u.Row)
		}
	}
	if !mayExpunge && len(c.told) < before {
		m.t.Fatal("messages went without EXPUNGE")
	}
	m.checkNumbers(c)
	m.checkTold(c, mayExpunge)
}

func (m *model) checkTold(c *client, mayExpunge bool) {
	var want []mail.UID
	for _, r := range c.synced {
		want = append(want, r.UID)
		if c.known[r.UID] < r.ModSeq {
			m.t.Fatalf("client was not told modseq %d of UID %d", r.ModSeq, r.UID)
		}
	}
	got := c.told
	if !mayExpunge {
		got = slices.DeleteFunc(slices.Clone(got), func(u mail.UID) bool { return !slices.Contains(want, u) })
	}
	if !slices.Equal(got, want) {
		m.t.Fatalf("client has %v, mailbox had %v", got, want)
	}
}

// store is a STORE of this client: the mailbox changes, and the client is told
// in the answer.
func (m *model) store(c *client) {
	m.build(c)
	uid, ok := c.v.UID(uint32(rapid.IntRange(1, 12).Draw(m.t, "seq")))
	if !ok {
		return
	}
	rows := m.src.flag(func(i int) bool { return m.src.rows[i].UID == uid }, mail.FlagSeen, 3)
	c.v.Told(rows)
	for _, r := range rows {
		c.learn(r)
	}
}

func TestViewAgainstNaiveClients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := newFake()
		m := &model{t: t, src: src, nodes: [2]*Registry{NewRegistry(src), NewRegistry(src)}, recent: map[mail.UID]bool{}}
		some := func() func(int) bool {
			mask := rapid.Uint64().Draw(t, "mask")
			return func(i int) bool { return mask>>(i%64)&1 == 1 }
		}
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(t *rapid.T) { src.deliver(rapid.SampledFrom([]int{1, 1, 2, 3, 700}).Draw(t, "n")) },
			"expunge": func(*rapid.T) { src.expunge(some()) },
			"flag":    func(*rapid.T) { src.flag(some(), mail.FlagFlagged, 1, 2) },
			"one":     func(t *rapid.T) { src.flag(only(rapid.IntRange(0, 9).Draw(t, "i")), mail.FlagSeen) },
			"open":    func(*rapid.T) { m.open() },
			"close":   func(*rapid.T) { m.close() },
			"sync":    func(*rapid.T) { m.sync(m.pick()) },
			"build":   func(*rapid.T) { m.build(m.pick()) },
			"release": func(*rapid.T) { m.pick().v.Release() },
			"store":   func(*rapid.T) { m.store(m.pick()) },
			"quiet":   func(*rapid.T) { m.flush(m.pick(), false) },
			"flush":   func(*rapid.T) { m.flush(m.pick(), true) },
			"claim":   func(*rapid.T) { m.claim(m.pick()) },
			"": func(*rapid.T) {
				for _, c := range m.clients {
					m.checkNumbers(c)
				}
			},
		})
		for _, c := range m.clients {
			m.sync(c)
			m.flush(c, true)
			m.claim(c)
			c.v.Close()
		}
		for _, r := range src.rows {
			if len(m.clients) > 0 && !m.recent[r.UID] {
				t.Fatalf("UID %d is \\Recent to nobody", r.UID)
			}
		}
		for _, reg := range m.nodes {
			if len(reg.all) != 0 {
				t.Fatal("the registry keeps a mailbox that no view has")
			}
		}
	})
}
