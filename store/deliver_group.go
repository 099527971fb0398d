package store

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postroom/internal/mail"
)

// lockWait is how long a writer waits for a mailbox that someone holds.
const lockWait = "SET LOCAL lock_timeout = '20s'"

// fill opens the transaction, writes all rows and judges the answers. After an
// error the caller rolls back.
func (g *group) fill(ctx context.Context, c *pgx.Conn) error {
	g.batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	if g.wait {
		g.batch.Queue(lockWait)
	}
	// The xid must be known before COMMIT is sent: it is what to ask for when
	// the answer is lost.
	g.batch.Queue(sqlXID)
	if g.streams() {
		if err := g.send(ctx, c); err != nil {
			return err
		}
		if err := g.streamBlobs(ctx, c); err != nil {
			return err
		}
		g.batch = &pgx.Batch{}
	}
	g.queueRows()
	if err := g.send(ctx, c); err != nil {
		return err
	}
	return g.judge()
}

type batchSender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

func (g *group) send(ctx context.Context, c batchSender) error {
	res := c.SendBatch(ctx, g.batch)
	err := g.read(res)
	if closed := res.Close(); err == nil {
		err = closed
	}
	return err
}

func (g *group) streams() bool {
	for _, u := range g.units {
		for _, b := range u.blobs {
			if b.chunks == nil {
				return true
			}
		}
	}
	return false
}

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// streamBlobs writes the chunks of large messages one by one: memory holds one.
func (g *group) streamBlobs(ctx context.Context, c execer) error {
	for _, u := range g.units {
		for _, b := range u.blobs {
			if b.chunks != nil {
				continue
			}
			for i := range b.content.Chunks() {
				p, err := b.content.Chunk(i)
				if err != nil {
					return err
				}
				if _, err := c.Exec(ctx, "INSERT INTO blobs (blob_id, chunk, data) VALUES ($1, $2, $3)", int64(b.id), i, p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// judge finds the units that may not commit: accepted before, mailbox held or
// gone, account gone, over quota.
func (g *group) judge() error {
	if g.accepted < g.expected {
		return errDuplicate
	}
	p := &partial{refused: map[*unit]error{}, held: map[*unit]mailboxKey{}}
	for _, u := range g.units {
		for _, k := range u.mailboxes() {
			t := g.targets[k]
			switch {
			case !t.found && !g.wait:
				p.held[u] = k // or gone: the side lane finds out
			case !t.found:
				p.refused[u] = mail.Errorf(mail.CodeNotFound, "no such mailbox")
			case int64(t.first)+t.n > math.MaxUint32:
				p.refused[u] = mail.Errorf(mail.CodeTooMany, "the mailbox has used up its UIDs")
			}
		}
	}
	g.judgeReplaced(p)
	if len(p.held) == 0 && len(p.refused) == 0 {
		g.judgeAccounts(p)
	}
	if len(p.held) == 0 && len(p.refused) == 0 {
		g.judgeSent(p)
	}
	if len(p.held) > 0 || len(p.refused) > 0 {
		return p
	}
	return nil
}

// judgeAccounts refuses, in the order of arrival, what an account has no room
// for; smaller units behind may still fit.
func (g *group) judgeAccounts(p *partial) {
	rooms := map[mail.AccountID]headroom{}
	for id, a := range g.usage {
		rooms[id] = a.headroom()
	}
	for _, u := range g.units {
		need := map[mail.AccountID]headroom{}
		for i := range u.messages {
			n := need[u.messages[i].account]
			need[u.messages[i].account] = headroom{n.bytes + u.messages[i].size, n.messages + 1}
		}
		for id, n := range need {
			switch {
			case !g.usage[id].found:
				p.refused[u] = mail.Errorf(mail.CodeNoSuchUser, "no such user here")
			case (n.bytes > rooms[id].bytes || n.messages > rooms[id].messages) && !u.ignore:
				p.refused[u] = mail.Errorf(mail.CodeOverQuota, "mailbox is full")
			}
		}
		if p.refused[u] != nil {
			continue
		}
		for id, n := range need {
			rooms[id] = headroom{rooms[id].bytes - n.bytes, rooms[id].messages - n.messages}
		}
	}
}

// headroom is what an account can still take.
type headroom struct{ bytes, messages int64 }

func (a *accountUsage) headroom() headroom {
	h := headroom{math.MaxInt64, math.MaxInt64}
	if a.quota > 0 {
		h.bytes = a.quota - a.used
	}
	if a.quotaMessages > 0 {
		h.messages = a.quotaMessages - a.messages
	}
	return h
}

// rollback frees the connection; one that does not answer is closed, and the
// pool drops it.
func rollback(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
		closeConn(c)
	}
}
