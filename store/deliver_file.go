package store

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// count adds a message to its mailbox's sums and gives its place
// among the messages of that mailbox.
func (g *group) count(m *messageWrite) int64 {
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
	if g.usage[m.account] == nil {
		g.usage[m.account] = &accountUsage{}
	}
	return t.n - 1
}

// queueFile puts the last statements into the batch: the one that locks, and
// the one that files.
func (g *group) queueFile() {
	g.queueReplaced()
	lock, file := sqlLockSkip, sqlFileSkip
	if g.wait {
		lock, file = sqlLockWait, sqlFileWait
	}
	targets := g.targetColumns()
	g.batch.Queue(lock, targets[:2]...)
	for _, u := range g.units {
		if len(u.needs) > 0 {
			g.batch.Queue(sqlNeeds, needColumns(u.needs)...)
		}
	}
	g.batch.Queue(file, append(append(targets, g.rowColumns()...), slices.Sorted(maps.Keys(g.usage)))...)
}

// targetColumns are the mailboxes with what is added to their counters.
func (g *group) targetColumns() []any {
	cols := make([][]int64, 7)
	for _, k := range slices.SortedFunc(maps.Keys(g.targets), mailboxKey.compare) {
		t := g.targets[k]
		for i, v := range []int64{int64(k.account), int64(k.mailbox), t.n, t.unseen, t.deleted, t.bytes, t.deletedBytes} {
			cols[i] = append(cols[i], v)
		}
	}
	out := make([]any, len(cols))
	for i, c := range cols {
		out[i] = c
	}
	return out
}

// rowColumns are the rows of mailbox_messages, each with its place among those
// of its mailbox.
func (g *group) rowColumns() []any {
	var account, mailbox, message, size []int64
	var flags []int16
	var keywords []string
	var received []time.Time
	for _, u := range g.units {
		for i := range u.messages {
			m := &u.messages[i]
			account, mailbox = append(account, int64(m.account)), append(mailbox, int64(m.mailbox))
			message, size = append(message, int64(m.id)), append(size, m.size)
			flags, keywords, received = append(flags, int16(m.flags)), append(keywords, m.keywords), append(received, m.received)
		}
	}
	return []any{account, mailbox, g.places, message, flags, keywords, received, size}
}

// read takes the batch's answers in the order they were queued.
func (g *group) read(res pgx.BatchResults) error {
	for _, q := range g.batch.QueuedQueries {
		switch q.SQL {
		case sqlXID:
			if err := res.QueryRow().Scan(&g.xid); err != nil {
				return err
			}
		case sqlSent:
			if err := g.readSent(res); err != nil {
				return err
			}
		case sqlFileSkip, sqlFileWait:
			if err := g.readFiled(res); err != nil {
				return err
			}
		case sqlReplaced:
			if err := g.readReplaced(res); err != nil {
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
			d.found, d.used, d.quota = true, a, b
			continue
		}
		if mailbox < 0 {
			d := g.usage[mail.AccountID(account)]
			d.messages, d.quotaMessages = a, b
			continue
		}
		t := g.targets[mailboxKey{mail.AccountID(account), mail.MailboxID(mailbox)}]
		t.found, t.first, t.modseq = true, mail.UID(a), mail.ModSeq(b)
	}
	return rows.Err()
}

// place gives the messages their UIDs, in the order they were counted.
func (g *group) place() {
	at := 0
	for _, u := range g.units {
		u.filed = make([]placed, len(u.messages))
		for i := range u.messages {
			k := u.messages[i].mailboxKey
			t := g.targets[k]
			u.filed[i] = placed{k, t.first + mail.UID(g.places[at]), t.modseq}
			at++
		}
	}
}
