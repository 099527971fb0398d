package store

import (
	"bytes"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// group is the transaction of several units: its statements ride in one batch.
type group struct {
	units []*unit
	wait  bool // for mailboxes that someone holds, instead of leaving them out
	batch *pgx.Batch

	targets map[mailboxKey]*target
	usage   map[mail.AccountID]*accountUsage
	places  []int64 // of each message among those of its mailbox
	sent    map[mail.AccountID]*accountSent

	xid      string
	accepted int64 // fingerprints that were new
	expected int64
}

// target is what happens to one mailbox. first and modseq are answered.
type target struct {
	n, unseen, deleted, bytes, deletedBytes int64

	found  bool
	first  mail.UID
	modseq mail.ModSeq
}

// accountUsage is what an account held before; used and messages are known
// only where there is a quota of them.
type accountUsage struct {
	found       bool
	used, quota int64

	messages, quotaMessages int64
}

func newGroup(units []*unit, wait bool) *group {
	g := &group{units: units, wait: wait, batch: &pgx.Batch{},
		targets: map[mailboxKey]*target{}, usage: map[mail.AccountID]*accountUsage{}}
	for _, u := range units {
		for i := range u.messages {
			g.places = append(g.places, g.count(&u.messages[i]))
		}
	}
	return g
}

// queueRows puts the inserts of all units, and then the filing, into the batch.
func (g *group) queueRows() {
	g.queueAccepted()
	g.queueSent()
	g.queueBlobs()
	g.queueMessages()
	g.queueOutbound()
	g.queueEvents()
	g.queueFile()
}

func (g *group) queueAccepted() {
	var us []*unit
	for _, u := range g.units {
		if u.accepted != nil {
			us = append(us, u)
		}
	}
	if len(us) == 0 {
		return
	}
	slices.SortFunc(us, func(a, b *unit) int { return bytes.Compare(a.accepted, b.accepted) })
	prints, traces := make([][]byte, len(us)), make([]int64, len(us))
	for i, u := range us {
		prints[i], traces[i] = u.accepted, int64(u.trace)
	}
	g.expected = int64(len(us))
	g.batch.Queue(sqlAccepted, prints, traces)
}

func (g *group) queueBlobs() {
	var ids, refs, accounts, holders []int64
	var numbers []int32
	var chunks [][]byte
	for _, u := range g.units {
		for _, b := range u.blobs {
			for i, c := range b.chunks {
				ids, numbers, chunks = append(ids, int64(b.id)), append(numbers, int32(i)), append(chunks, c)
			}
		}
		for i := range u.messages {
			m := &u.messages[i]
			refs, accounts, holders = append(refs, int64(m.blob)), append(accounts, int64(m.account)), append(holders, int64(m.id))
		}
		if u.queue != nil {
			refs, accounts, holders = append(refs, int64(u.queue.blob)), append(accounts, 0), append(holders, int64(u.trace))
		}
	}
	if len(ids) > 0 {
		g.batch.Queue(sqlBlobs, ids, numbers, chunks)
	}
	g.batch.Queue(sqlBlobRefs, refs, accounts, holders)
}

func (g *group) queueMessages() {
	var account, id, blob, size, header, trace, thread []int64
	var prefix, fields, envelope, structure, parts [][]byte
	var preview, messageID []string
	var sent []*time.Time
	for _, u := range g.units {
		for i := range u.messages {
			m, sum := &u.messages[i], u.messages[i].summary
			account, id, blob = append(account, int64(m.account)), append(id, int64(m.id)), append(blob, int64(m.blob))
			size, header, trace = append(size, m.size), append(header, sum.HeaderSize), append(trace, int64(m.trace))
			prefix, fields, envelope = append(prefix, filled(m.prefix)), append(fields, filled(sum.Fields)), append(envelope, filled(sum.Envelope))
			structure, parts = append(structure, filled(sum.BodyStructure)), append(parts, filled(sum.Parts))
			preview, messageID = append(preview, clean(sum.Preview)), append(messageID, clean(sum.MessageID))
			thread = append(thread, int64(threadID(m.id, sum)))
			var at *time.Time
			if !sum.SentAt.IsZero() {
				at = &sum.SentAt
			}
			sent = append(sent, at)
		}
	}
	if len(id) > 0 {
		g.batch.Queue(sqlMessages, account, id, blob, prefix, size, header, fields, envelope, structure, parts, preview, messageID, sent, trace, thread)
	}
}

// filled makes nil empty: a nil slice would become NULL.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (g *group) queueEvents() {
	var at []time.Time
	var id, trace, account []int64
	var kind, recipient, peer, text []string
	for _, u := range g.units {
		for i := range u.events {
			e := &u.events[i]
			at, id, trace = append(at, e.At), append(id, e.id), append(trace, int64(e.Trace))
			kind, account = append(kind, string(e.Kind)), append(account, int64(e.Account))
			recipient, peer, text = append(recipient, clean(e.Recipient)), append(peer, clean(e.Peer)), append(text, clean(e.Text))
		}
	}
	if len(id) > 0 {
		g.batch.Queue(sqlEvents, at, id, trace, kind, account, recipient, peer, text)
	}
}

func (g *group) queueOutbound() {
	var id, blob, account, size, header, entry, of []int64
	var sender, envid, rcpt, domain, orcpt, state, why []string
	var waits []time.Duration
	var prefix [][]byte
	var ret, notify []int16
	var utf8, body8 []bool
	var expires []time.Time
	for _, u := range g.units {
		q := u.queue
		if q == nil {
			continue
		}
		id, blob, account = append(id, int64(u.trace)), append(blob, int64(q.blob)), append(account, int64(q.out.Account))
		sender, prefix, size, header = append(sender, q.out.From.String()), append(prefix, filled(q.out.Prefix)), append(size, q.size), append(header, q.header)
		ret, envid = append(ret, int16(q.out.Ret)), append(envid, clean(q.out.EnvID))
		utf8, body8, expires = append(utf8, q.out.UTF8), append(body8, q.out.Body8Bit), append(expires, q.out.Expires)
		in := "ready"
		if q.out.Held {
			in = "held"
		}
		for i, e := range q.entries {
			waits, why = append(waits, q.wait(i)), append(why, clean(q.out.Why))
			entry, of, rcpt, domain = append(entry, int64(e.id)), append(of, int64(u.trace)), append(rcpt, e.r.Address.String()), append(domain, e.r.Address.Domain)
			notify, orcpt, state = append(notify, int16(e.r.Notify)), append(orcpt, clean(e.r.ORcpt)), append(state, in)
		}
	}
	if len(id) > 0 {
		g.batch.Queue(sqlQueueMessages, id, blob, account, sender, prefix, size, header, ret, envid, utf8, body8, expires)
		g.batch.Queue(sqlQueueEntries, entry, of, rcpt, domain, notify, orcpt, state, waits, why)
	}
}
