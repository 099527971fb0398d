package store_test

import (
	"fmt"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// What a submission asks must stay a look at keys: with the plans that were made
// while nothing had been sent, in an account that has written to 50,000 people.
func TestPlansOfSending(t *testing.T) {
	s := storetest.New(t, func(c *store.Config) { c.MaxConns = 1 })
	alice := storetest.Account(t, s, "alice@example.test")
	tables := `'known_recipients', 'sent_hours', 'suppressions'`
	exec(t, s, `ALTER TABLE known_recipients SET (autovacuum_enabled = false)`)
	exec(t, s, `ALTER TABLE sent_hours SET (autovacuum_enabled = false)`)
	exec(t, s, `ALTER TABLE suppressions SET (autovacuum_enabled = false)`)
	exec(t, s, `ANALYZE`)
	n := 0
	submit := func() {
		t.Helper()
		n++
		a, b := fmt.Sprintf("new%d@out.test", n), "old7@out.test"
		sendState(t, s, alice, a, b)
		if _, _, err := s.SubmissionRecipient(t.Context(), alice, addr(t, a)); err != nil {
			t.Fatal(err)
		}
		must1[mail.Delivered](t)(s.Deliver(t.Context(), submitted(t, alice, mail.SendLimits{}, a, b)))
	}
	for range 8 {
		submit()
	}
	exec(t, s, `INSERT INTO known_recipients (account_id, recipient) SELECT $1, 'old' || i || '@out.test' FROM generate_series(1, 50000) i ON CONFLICT DO NOTHING`, alice)
	exec(t, s, `INSERT INTO sent_hours (account_id, hour) SELECT a, date_trunc('hour', now()) - h * interval '1 hour' FROM generate_series(1, 100) a, generate_series(1, 300) h`)
	exec(t, s, `INSERT INTO suppressions (recipient, address, reason, expires_at) SELECT 'gone' || i || '@out.test', '', '', now() + interval '1 day' FROM generate_series(1, 20000) i`)
	read := func() (rows int64) {
		t.Helper()
		var void string
		if err := s.QueryForTest(t.Context(), []any{&void}, `SELECT pg_stat_force_next_flush()::text`); err != nil {
			t.Fatal(err)
		}
		return int64(number(t, s, `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables WHERE relname IN (`+tables+`)`))
	}
	before := read()
	for range 20 {
		submit()
	}
	if got := (read() - before) / 20; got > 100 {
		t.Errorf("a submission reads %d rows", got)
	}
}
