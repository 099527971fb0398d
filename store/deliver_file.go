package store

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// count adds a message to its mailbox's and account's sums and gives its place
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
	a := g.usage[m.account]
	if a == nil {
		a = &accountDelta{}
		g.usage[m.account] = a
	}
	a.n++
	a.bytes += m.size
	return t.n - 1
}

// queueFile puts the last statements into the batch: those that lock. The
// accounts whose rows' places are known go apart from the others.
func (g *group) queueFile() {
	if g.wait {
		g.queuePass(sqlFileWait, func(mail.AccountID) bool { return true })
		return
	}
	g.hinted = g.hints.lookup(g)
	g.queuePass(sqlFileHint, func(a mail.AccountID) bool { return g.hinted[a] })
	g.queuePass(sqlFileSkip, func(a mail.AccountID) bool { return !g.hinted[a] })
}

// errStale says that some, not all, of the rows that a group found by hint were
// moved meanwhile: it starts again, by key.
var errStale = errors.New("rows moved")

// queueMissed queues by key what the hinted statement left out because one of
// its rows had moved; false when it left out nothing.
func (g *group) queueMissed() (bool, error) {
	asked, found := 0, 0
	for k, t := range g.targets {
		if g.hinted[k.account] {
			asked++
			if t.found && g.usage[k.account].found {
				found++
			} else if t.found {
				return false, errStale
			}
		}
	}
	if found == asked {
		return false, nil
	}
	if found > 0 {
		return false, errStale
	}
	g.batch = &pgx.Batch{}
	g.queuePass(sqlFileSkip, func(a mail.AccountID) bool { return g.hinted[a] })
	return true, nil
}

// queuePass files the messages of some accounts by one statement.
func (g *group) queuePass(sql string, in func(mail.AccountID) bool) {
	var account, mailbox, place, message, size []int64
	var flags []int16
	var keywords []string
	var received []time.Time
	at := -1
	for _, u := range g.units {
		for i := range u.messages {
			at++
			m := &u.messages[i]
			if !in(m.account) {
				continue
			}
			account, mailbox, place = append(account, int64(m.account)), append(mailbox, int64(m.mailbox)), append(place, g.places[at])
			message, size = append(message, int64(m.id)), append(size, m.size)
			flags, keywords, received = append(flags, int16(m.flags)), append(keywords, m.keywords), append(received, m.received)
		}
	}
	if len(message) == 0 {
		return
	}
	args := append(g.targetColumns(in), account, mailbox, place, message, flags, keywords, received, size)
	g.batch.Queue(sql, append(args, g.usageColumns(in)...)...)
}

// nowhere is the hint of a row whose place is not known or not asked for.
const nowhere = "(0,0)"

func (g *group) targetColumns(in func(mail.AccountID) bool) []any {
	cols := make([][]int64, 7)
	var hints []string
	for _, k := range slices.SortedFunc(maps.Keys(g.targets), mailboxKey.compare) {
		if !in(k.account) {
			continue
		}
		t := g.targets[k]
		for i, v := range []int64{int64(k.account), int64(k.mailbox), t.n, t.unseen, t.deleted, t.bytes, t.deletedBytes} {
			cols[i] = append(cols[i], v)
		}
		hints = append(hints, cmp.Or(t.place, nowhere))
	}
	return append(toAny(cols), hints)
}

func (g *group) usageColumns(in func(mail.AccountID) bool) []any {
	cols := make([][]int64, 3)
	var hints []string
	for _, id := range slices.SortedFunc(maps.Keys(g.usage), cmp.Compare[mail.AccountID]) {
		if !in(id) {
			continue
		}
		a := g.usage[id]
		for i, v := range []int64{int64(id), a.n, a.bytes} {
			cols[i] = append(cols[i], v)
		}
		hints = append(hints, cmp.Or(a.place, nowhere))
	}
	return append(toAny(cols), hints)
}

func toAny(cols [][]int64) []any {
	out := make([]any, len(cols))
	for i, c := range cols {
		out[i] = c
	}
	return out
}

// read takes the batch's answers in the order they were queued.
func (g *group) read(res pgx.BatchResults) error {
	for _, q := range g.batch.QueuedQueries {
		switch q.SQL {
		case sqlXID:
			if err := res.QueryRow().Scan(&g.xid); err != nil {
				return err
			}
		case sqlFileSkip, sqlFileWait, sqlFileHint:
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
	var place string
	for rows.Next() {
		if err := rows.Scan(&account, &mailbox, &a, &b, &place); err != nil {
			return err
		}
		if mailbox == 0 {
			d := g.usage[mail.AccountID(account)]
			d.found, d.live, d.quota, d.place = true, a, b, place
			continue
		}
		t := g.targets[mailboxKey{mail.AccountID(account), mail.MailboxID(mailbox)}]
		t.found, t.first, t.modseq, t.place = true, mail.UID(a), mail.ModSeq(b), place
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
