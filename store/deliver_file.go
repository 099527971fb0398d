package store

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// queueFile puts the last statement into the batch: the one that locks.
func (g *group) queueFile() {
	var account, mailbox, place, message, size []int64
	var flags []int16
	var keywords []string
	var received []time.Time
	for _, u := range g.units {
		for i := range u.messages {
			m := &u.messages[i]
			t := g.count(m)
			account, mailbox, place = append(account, int64(m.account)), append(mailbox, int64(m.mailbox)), append(place, t.n-1)
			message, size = append(message, int64(m.id)), append(size, m.size)
			flags, keywords, received = append(flags, int16(m.flags)), append(keywords, m.keywords), append(received, m.received)
		}
	}
	if len(message) == 0 {
		return
	}
	sql := sqlFileSkip
	if g.wait {
		sql = sqlFileWait
	}
	args := append(g.targetColumns(), account, mailbox, place, message, flags, keywords, received, size)
	g.batch.Queue(sql, append(args, g.usageColumns()...)...)
}

// count adds a message to its mailbox's and account's sums.
func (g *group) count(m *messageWrite) *target {
	t := g.targets[m.mailboxKey]
	if t == nil {
		t = &target{}
		g.targets[m.mailboxKey] = t
	}
	t.n++
	t.bytes += m.size
	if m.flags&mail.FlagSeen == 0 {
		t.unseen++
	}
	if m.flags&mail.FlagDeleted != 0 {
		t.deleted++
		t.deletedBytes += m.size
	}
	a := g.usage[m.account]
	if a == nil {
		a = &accountDelta{}
		g.usage[m.account] = a
	}
	a.n++
	a.bytes += m.size
	return t
}

func (g *group) targetColumns() []any {
	keys := slices.SortedFunc(maps.Keys(g.targets), mailboxKey.compare)
	cols := make([][]int64, 7)
	for _, k := range keys {
		t := g.targets[k]
		for i, v := range []int64{int64(k.account), int64(k.mailbox), t.n, t.unseen, t.deleted, t.bytes, t.deletedBytes} {
			cols[i] = append(cols[i], v)
		}
	}
	return toAny(cols)
}

func (g *group) usageColumns() []any {
	cols := make([][]int64, 3)
	for _, id := range slices.SortedFunc(maps.Keys(g.usage), cmp.Compare[mail.AccountID]) {
		a := g.usage[id]
		for i, v := range []int64{int64(id), a.n, a.bytes} {
			cols[i] = append(cols[i], v)
		}
	}
	return toAny(cols)
}

func toAny(cols [][]int64) []any {
	out := make([]any, len(cols))
	for i, c := range cols {
		out[i] = c
	}
	return out
}

// read takes the batch's answers in the order of queueRows.
func (g *group) read(res pgx.BatchResults) error {
	for _, q := range g.batch.QueuedQueries {
		switch q.SQL {
		case sqlXID:
			if err := res.QueryRow().Scan(&g.xid); err != nil {
				return err
			}
		case sqlFileSkip, sqlFileWait:
			if err := g.readFiled(res); err != nil {
				return err
			}
		default:
			tag, err := res.Exec()
			if err != nil {
				return err
			}
			if q.SQL == sqlAccepted {
				g.accepted = tag.RowsAffected()
			}
		}
	}
	return nil
}

func (g *group) readFiled(res pgx.BatchResults) error {
	rows, err := res.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	var account, mailbox, a, b int64
	for rows.Next() {
		if err := rows.Scan(&account, &mailbox, &a, &b); err != nil {
			return err
		}
		if mailbox == 0 {
			d := g.usage[mail.AccountID(account)]
			d.found, d.live, d.quota = true, a, b
			continue
		}
		t := g.targets[mailboxKey{mail.AccountID(account), mail.MailboxID(mailbox)}]
		t.found, t.first, t.modseq = true, mail.UID(a), mail.ModSeq(b)
	}
	return rows.Err()
}

// place gives the messages their UIDs, in the order they were counted.
func (g *group) place() {
	next := make(map[mailboxKey]mail.UID, len(g.targets))
	for k, t := range g.targets {
		next[k] = t.first
	}
	for _, u := range g.units {
		u.filed = make([]placed, len(u.messages))
		for i := range u.messages {
			k := u.messages[i].mailboxKey
			u.filed[i] = placed{k, next[k], g.targets[k].modseq}
			next[k]++
		}
	}
}
