package store_test

import (
	"fmt"
	"net/netip"
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

// What a recipient asks must stay a look at keys, with the plans that were made
// while there were no rules.
func TestPlansOfReceiving(t *testing.T) {
	s := storetest.New(t, func(c *store.Config) { c.MaxConns = 1 })
	alice := storetest.Account(t, s, "alice@example.test")
	const tables = `'sender_rules', 'known_recipients', 'greylist', 'rejects', 'peer_hours'`
	for _, name := range []string{"sender_rules", "known_recipients", "greylist", "rejects", "peer_hours"} {
		exec(t, s, `ALTER TABLE `+name+` SET (autovacuum_enabled = false)`)
	}
	exec(t, s, `ANALYZE`)
	n := 0
	receive := func() {
		t.Helper()
		n++
		from := addr(t, fmt.Sprintf("new%d@out.test", n))
		must1[[]mail.SenderRule](t)(s.SenderRules(t.Context(), netip.MustParseAddr("2001:db8::1"), from))
		must1[[]mail.AccountID](t)(s.KnownSender(t.Context(), []mail.AccountID{alice}, from))
		_, err := s.Greylist(t.Context(), mail.GreylistTry{Network: []byte("net"), Triplet: fmt.Append(nil, n), Now: noon, Wait: 1, Window: 2, Good: 3})
		must(t, err)
		must1[[]mail.PeerCount](t)(s.CountPeers(t.Context(), noon, []mail.PeerCount{{Subject: "ip:192.0.2.1", Messages: 1}}))
		must(t, s.RecordRejects(t.Context(), []mail.Reject{reject(t, alice, from.String(), mail.RejectRefused)}))
	}
	for range 8 {
		receive()
	}
	exec(t, s, `INSERT INTO sender_rules (sender, network, scope, allow, note) SELECT '', '198.51.' || i / 250 || '.' || i % 250 || '/32', 0, false, '' FROM generate_series(1, 20000) i`)
	exec(t, s, `INSERT INTO sender_rules (sender, network, scope, allow, note) SELECT 'old' || i || '@out.test', '', $1, true, '' FROM generate_series(1, 20000) i`, alice)
	exec(t, s, `INSERT INTO known_recipients (account_id, recipient) SELECT $1, 'old' || i || '@out.test' FROM generate_series(1, 20000) i`, alice)
	exec(t, s, `INSERT INTO greylist (key, first_at, last_at) SELECT decode(md5(i::text), 'hex'), now(), now() FROM generate_series(1, 20000) i`)
	exec(t, s, `INSERT INTO peer_hours SELECT 'ip:' || i, now(), 1, 1, 1 FROM generate_series(1, 20000) i`)
	exec(t, s, `INSERT INTO rejects SELECT i / 100, i, decode(md5(i::text), 'hex'), now(), 1, '', '', '', '', 'refused', '', 0 FROM generate_series(1, 20000) i`)
	read := func() int {
		t.Helper()
		var void string
		must(t, s.QueryForTest(t.Context(), []any{&void}, `SELECT pg_stat_force_next_flush()::text`))
		return count(t, s, `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_user_tables WHERE relname IN (`+tables+`)`)
	}
	before := read()
	for range 20 {
		receive()
	}
	if got := (read() - before) / 20; got > 100 {
		t.Errorf("a recipient reads %d rows", got)
	}
}
