package store_test

import (
	"math"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// read counts the rows of mail that all statements up to now have read: by
// sequential scans, and through indexes.
func (b *box) read() (seq, index int64) {
	b.t.Helper()
	// The store has one connection: what it did is in the counts now.
	var void string
	if err := b.s.QueryForTest(b.t.Context(), []any{&void}, `SELECT pg_stat_force_next_flush()::text`); err != nil {
		b.t.Fatal(err)
	}
	err := b.s.QueryForTest(b.t.Context(), []any{&seq, &index}, `SELECT
			(SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname ~ '^(mailbox_messages|messages|mailbox_changes|expunged|search_)'),
			(SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname ~ '^(mailbox_messages|messages|mailbox_changes|expunged|search_)')`)
	if err != nil {
		b.t.Fatal(err)
	}
	return seq, index
}

// A prepared statement may get another plan after some executions, and a
// planner with stale statistics may read a whole table: what each statement
// reads is counted at its hundredth execution, in a mailbox of 20,000 messages
// of which the statistics know nothing.
func TestPlansHoldInALargeMailbox(t *testing.T) {
	t.Run("statistics of an empty table", func(t *testing.T) { testPlans(t, false, false) })
	t.Run("fresh statistics", func(t *testing.T) { testPlans(t, false, true) })
	t.Run("prepared on an empty table", func(t *testing.T) { testPlans(t, true, false) })
}

func testPlans(t *testing.T, prepared, fresh bool) {
	const n = 20000
	s := storetest.New(t, func(c *store.Config) { c.MaxConns = 1 })
	b := &box{t: t, s: s, acct: storetest.Account(t, s, "alice@example.test")}
	b.inbox = storetest.Inbox(t, s, b.acct)
	to := b.mailbox("to")
	b.exec(`DO $$ DECLARE r record; BEGIN
		FOR r IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(mailbox_messages|messages|mailbox_changes|expunged|search_)' LOOP
			EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = false)', r.relname);
		END LOOP; END $$`)
	b.exec(`ANALYZE`) // of empty tables
	uses := b.uses(to)
	if prepared {
		for _, u := range uses {
			for i := range 7 {
				if err := u.run(i); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	b.fill(b.inbox, n)
	b.index(b.inbox, 1000)
	if fresh {
		b.exec(`ANALYZE`)
	}
	for _, u := range uses {
		b.measure(u)
	}
}

// use is something a client does again and again.
type use struct {
	name  string
	times int
	// reads are the index entries that one execution may read: some versions that
	// no vacuum has taken yet among them, and far fewer than the mailbox has.
	reads int64
	run   func(i int) error
}

func (b *box) measure(u use) {
	b.t.Helper()
	var seq0, index0 int64
	for i := range u.times {
		if i == u.times-1 {
			seq0, index0 = b.read()
		}
		if err := u.run(i); err != nil {
			b.t.Fatal(u.name, err)
		}
	}
	seq, index := b.read()
	if seq > seq0 || index-index0 > u.reads {
		b.t.Errorf("%s: %d rows by sequential scan, %d through indexes; want 0 and at most %d", u.name, seq-seq0, index-index0, u.reads)
	}
}

func (b *box) uses(to mail.MailboxID) []use {
	const n = 20000
	s, t := b.s, b.t
	flip := func(i int) mail.StoreMode { return mail.StoreAdd + mail.StoreMode(i%2) }
	next := mail.UID(1)
	ten := func() mail.UIDSet { next += 10; return mail.UIDSet{{Lo: next, Hi: next + 9}} }
	apart := func() mail.UIDSet { next += 10; return mail.UIDSetOf(next, next+3, next+6) }
	spread := mail.UIDSetOf(1, 500, 7000, 7002, 19999)
	return []use{
		{"FETCH of one", 100, 40, func(int) error { b.fetch(one(19000), mail.ColEnvelope); return nil }},
		{"FETCH of a few", 100, 80, func(int) error { b.fetch(spread, mail.ColEnvelope); return nil }},
		{"FETCH of a few, with expunged", 100, 80, func(int) error { b.fetch(spread, mail.ColEnvelope|mail.WithExpunged); return nil }},
		{"FETCH of all", 3, 2*n + 4000, func(int) error { b.fetch(all, mail.ColEnvelope); return nil }},
		{"load", 100, n + 100, func(int) error { b.load(b.inbox); return nil }},
		{"STORE of one", 100, 100, func(i int) error {
			b.store(mail.StoreArgs{UIDs: one(7), Mode: flip(i), Flags: mail.FlagSeen})
			return nil
		}},
		{"STORE of a keyword", 100, 200, func(i int) error {
			b.store(mail.StoreArgs{UIDs: spread, Mode: flip(i), Keywords: []string{"k"}})
			return nil
		}},
		{"changes of one", 100, 100, func(int) error {
			states, err := s.States(t.Context(), b.acct, []mail.MailboxID{b.inbox})
			b.changes(states[b.inbox].HighestModSeq - 1)
			return err
		}},
		{"COPY of ten", 100, 150, func(int) error {
			_, err := s.Copy(t.Context(), b.acct, b.inbox, ten(), to)
			return err
		}},
		{"MOVE of ten", 100, 200, func(int) error {
			_, err := s.Move(t.Context(), b.acct, b.inbox, ten(), to)
			return err
		}},
		{"EXPUNGE of ten", 100, 200, func(int) error {
			set := ten()
			b.store(mail.StoreArgs{UIDs: set, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
			_, err := s.Expunge(t.Context(), b.acct, b.inbox, &set)
			return err
		}},
		{"MOVE of three apart", 100, 200, func(int) error {
			_, err := s.Move(t.Context(), b.acct, b.inbox, apart(), to)
			return err
		}},
		{"EXPUNGE of three apart", 100, 200, func(int) error {
			set := apart()
			b.store(mail.StoreArgs{UIDs: set, Mode: mail.StoreAdd, Flags: mail.FlagDeleted})
			_, err := s.Expunge(t.Context(), b.acct, b.inbox, &set)
			return err
		}},
		{"SEARCH of a rare word", 100, 200, func(int) error { return b.candidates(5, 1000) }},
		{"SEARCH of a frequent word", 100, n + 2100, func(int) error { return b.candidates(everyGram, 1000) }},
		{"between, of all", 100, n + 100, func(int) error {
			_, _, err := s.MessagesBetween(t.Context(), b.acct, b.inbox, mail.UIDSet{{Lo: 10000, Hi: 29000}}, mail.BySize, 0, 100)
			return err
		}},
		{"between, of a few", 100, 80, func(int) error {
			_, _, err := s.MessagesBetween(t.Context(), b.acct, b.inbox, spread, mail.ByReceived, 0, math.MaxInt64)
			return err
		}},
		{"the next to index", 100, 300, func(int) error { _, _, err := s.ToIndex(t.Context(), b.acct, b.inbox, 12000, 64); return err }},
		{"STORE of all", 3, 5 * n, func(i int) error {
			b.store(mail.StoreArgs{UIDs: all, Mode: flip(i), Flags: mail.FlagFlagged})
			return nil
		}},
		{"first unseen", 100, 800, func(int) error {
			_, _, err := s.FirstUnseen(t.Context(), b.acct, b.inbox)
			return err
		}},
		{"recent of one", 100, 40, func(int) error {
			_, err := s.UnclaimedRecent(t.Context(), b.acct, b.inbox, n-1, n)
			return err
		}},
	}
}
