package store_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

var (
	office = netip.MustParsePrefix("192.0.2.0/24")
	abroad = netip.MustParsePrefix("2001:db8:1:2::/64")
)

func loginState(t testing.TB, s *store.Store, id mail.AccountID, n netip.Prefix) mail.LoginState {
	t.Helper()
	st, err := s.LoginState(t.Context(), id, n)
	must(t, err)
	return st
}

func TestLoginFailuresAreCounted(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	net := mail.LoginCounter{Network: abroad}
	strangers := mail.LoginCounter{Account: alice, Network: mail.AnyNetwork}
	pair := mail.LoginCounter{Account: alice, Network: abroad}
	must(t, s.AddLoginFailures(t.Context(), map[mail.LoginCounter]int{net: 3, strangers: 1, pair: 2}, nil))
	must(t, s.AddLoginFailures(t.Context(), map[mail.LoginCounter]int{net: 4}, nil))
	st := loginState(t, s, alice, abroad)
	if st.Counters[net].Failures != 7 || st.Counters[strangers].Failures != 1 || st.Counters[pair].Failures != 2 || st.Counters[net].Age > time.Minute {
		t.Errorf("%+v", st)
	}
	if st := loginState(t, s, 0, abroad); len(st.Counters) != 1 || st.Counters[net].Failures != 7 {
		t.Errorf("of nobody: %+v", st)
	}
	if st := loginState(t, s, alice, office); len(st.Counters) != 1 {
		t.Errorf("elsewhere: %+v", st)
	}
	must(t, s.AddLoginFailures(t.Context(), map[mail.LoginCounter]int{pair: 1}, []mail.LoginCounter{pair, net}))
	if st := loginState(t, s, alice, abroad); st.Counters[pair].Failures != 1 || st.Counters[net].Failures != 0 {
		t.Errorf("cleared: %+v", st)
	}
	// An hour without a failure begins anew.
	exec(t, s, `UPDATE login_failures SET last_at = now() - interval '61 minutes'`)
	if st := loginState(t, s, alice, abroad); len(st.Counters) != 0 {
		t.Errorf("after an hour: %+v", st)
	}
	must(t, s.AddLoginFailures(t.Context(), map[mail.LoginCounter]int{strangers: 2, pair: 1 << 30}, nil))
	if st := loginState(t, s, alice, abroad); st.Counters[strangers].Failures != 2 || st.Counters[pair].Failures > 2000 {
		t.Errorf("counted anew: %+v", st)
	}
}

func TestServersCountTogether(t *testing.T) {
	s := storetest.New(t)
	var counters []mail.LoginCounter
	for i := range 20 {
		counters = append(counters, mail.LoginCounter{Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 0}), 24)})
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				add := map[mail.LoginCounter]int{}
				for _, c := range counters {
					add[c] = 1
				}
				if err := s.AddLoginFailures(t.Context(), add, counters[:w*i%2]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if st := loginState(t, s, 0, counters[19].Network); st.Counters[counters[19]].Failures != 100 {
		t.Errorf("%+v, want 100", st)
	}
}

func TestLoginHistory(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	must(t, s.AddAddress(t.Context(), "test", alice, addr(t, "a@example.test")))
	app, err := s.AddAppPassword(t.Context(), "test", mail.CredentialRecord{Account: alice, Label: "phone", Prefix: "abcdefgh", Hash: "x"})
	must(t, err)
	ok := mail.Login{Account: alice, Credential: app.ID, Network: office, Peer: netip.MustParseAddr("192.0.2.7"), Protocol: "imap",
		Mechanism: "PLAIN", Client: "K-9\nMail\x00\xff", TLS: "TLS 1.3", Count: 2}
	bad := mail.Login{Address: addr(t, "alice@example.test"), Network: abroad, Peer: abroad.Addr(), Protocol: "smtp", Mechanism: "LOGIN", Reason: "bad-credentials", Count: 1}
	other := bad
	other.Address = addr(t, "A@EXAMPLE.test")
	nobody := bad
	nobody.Address = addr(t, "nobody@example.test")
	must(t, s.RecordLogins(t.Context(), []mail.Login{ok, bad, other, nobody}))
	ok.Count, ok.TLS = 5, "TLS 1.2"
	must(t, s.RecordLogins(t.Context(), []mail.Login{ok}))

	all, err := s.Logins(t.Context(), alice, mail.LoginFilter{})
	must(t, err)
	if len(all) != 2 {
		t.Fatalf("%d rows: %+v", len(all), all)
	}
	if l := all[0]; l.Count != 7 || l.Label != "phone" || l.Mechanism != "PLAIN" || l.Peer != ok.Peer || l.Network != office ||
		l.TLS != "TLS 1.2" || strings.ContainsAny(l.Client, "\n\x00") || !utf8.ValidString(l.Client) || !strings.HasPrefix(l.Client, "K-9 Mail") || l.LastAt.Before(l.FirstAt) {
		t.Errorf("%+v", l)
	}
	failed, err := s.Logins(t.Context(), alice, mail.LoginFilter{Failed: true, Limit: 10})
	must(t, err)
	if len(failed) != 1 || failed[0].Count != 2 || failed[0].Reason != "bad-credentials" || failed[0].Network != abroad {
		t.Errorf("%+v", failed)
	}
	if n := number(t, s, `SELECT count(*) FROM logins`); n != 2 {
		t.Errorf("%d rows; one of nobody?", n)
	}
	if st := loginState(t, s, alice, office); !st.Known || st.SeenDays != 0 {
		t.Errorf("%+v", st)
	}
	if st := loginState(t, s, alice, abroad); st.Known {
		t.Error("a failure makes a network known")
	}
	exec(t, s, `UPDATE logins SET day = day - 40`)
	if st := loginState(t, s, alice, office); !st.Known || st.SeenDays != 40 {
		t.Errorf("after 40 days: %+v", st)
	}
}

func TestSweepOfLogins(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	exec(t, s, `INSERT INTO logins (account_id, network, day, protocol, mechanism, peer, count)
		SELECT $1, '192.0.2.0/24', current_date - d, 'imap', 'PLAIN', '192.0.2.1', 1 FROM generate_series(1, 120) d`, alice)
	exec(t, s, `INSERT INTO login_failures (account_id, network, failures, last_at)
		SELECT 0, set_masklen(('10.0.0.0'::inet + 256::bigint * i)::cidr, 24), 1, now() - i * interval '1 second' * 0.03 FROM generate_series(1, 100100) i`)
	exec(t, s, `UPDATE login_failures SET last_at = now() - interval '2 hours' WHERE network <<= '10.0.0.0/19'`)
	exec(t, s, `INSERT INTO login_failures (account_id, network, failures) SELECT 0, set_masklen(('11.200.0.0'::inet + 256::bigint * i)::cidr, 24), 1 FROM generate_series(1, 1000) i`)
	res, err := s.Sweep(t.Context())
	must(t, err)
	if n := number(t, s, `SELECT count(*) FROM logins`); n < 89 || n > 91 {
		t.Errorf("%d days are left", n)
	}
	if n := number(t, s, `SELECT count(*) FROM login_failures`); n != 100_000 {
		t.Errorf("%d counters are left", n)
	}
	if n := number(t, s, `SELECT count(*) FROM login_failures WHERE last_at < now() - interval '1 hour'`); n != 0 {
		t.Errorf("%d old counters are left", n)
	}
	if n := number(t, s, `SELECT count(*) FROM login_failures WHERE network <<= '11.200.0.0/14'`); n != 1000 {
		t.Errorf("%d of the newest are left", n)
	}
	if res.Logins < 1000 {
		t.Errorf("%+v", res)
	}
}

func TestLoginsGoWithTheirAccount(t *testing.T) {
	s := storetest.New(t)
	alice := storetest.Account(t, s, "alice@example.test")
	must(t, s.AddLoginFailures(t.Context(), map[mail.LoginCounter]int{{Account: alice, Network: mail.AnyNetwork}: 1}, nil))
	must(t, s.RecordLogins(t.Context(), []mail.Login{{Account: alice, Network: office, Peer: office.Addr(), Protocol: "imap", Mechanism: "PLAIN", Count: 1}}))
	must(t, s.DeleteAccount(t.Context(), "test", alice))
	if _, err := s.SweepDeletedAccounts(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := number(t, s, `SELECT (SELECT count(*) FROM logins) + (SELECT count(*) FROM login_failures)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// A log-in asks by key, with the plans of an empty table and a long history,
// and updates of counters are HOT.
func TestPlansOfLogins(t *testing.T) {
	s := storetest.New(t, func(c *store.Config) { c.MaxConns = 1 })
	alice := storetest.Account(t, s, "alice@example.test")
	exec(t, s, `ALTER TABLE logins SET (autovacuum_enabled = false)`)
	exec(t, s, `ALTER TABLE login_failures SET (autovacuum_enabled = false)`)
	exec(t, s, `ANALYZE`)
	for range 8 {
		loginState(t, s, alice, office)
	}
	exec(t, s, `INSERT INTO logins (account_id, network, day, protocol, mechanism, peer, count, client)
		SELECT $1, '192.0.2.0/24', current_date - d, 'imap', 'PLAIN', '192.0.2.1', 1, c::text FROM generate_series(1, 90) d, generate_series(1, 50) c`, alice)
	exec(t, s, `INSERT INTO logins (account_id, network, day, protocol, mechanism, peer, count, client)
		SELECT a, '192.0.2.0/24', current_date, 'imap', 'PLAIN', '192.0.2.1', 1, '' FROM generate_series(1, 20000) a`)
	exec(t, s, `INSERT INTO login_failures (account_id, network, failures) SELECT a, '192.0.2.0/24', 1 FROM generate_series(0, 20000) a`)
	var void string
	read := func() int64 {
		must(t, s.QueryForTest(t.Context(), []any{&void}, `SELECT pg_stat_force_next_flush()::text`))
		return int64(number(t, s, `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables WHERE relname IN ('logins', 'login_failures')`))
	}
	before := read()
	for range 20 {
		loginState(t, s, alice, office)
	}
	if got := (read() - before) / 20; got > 10 {
		t.Errorf("a log-in reads %d rows", got)
	}
	for range 50 {
		must(t, s.AddLoginFailures(t.Context(), map[mail.LoginCounter]int{{Network: office}: 1}, nil))
	}
	must(t, s.QueryForTest(t.Context(), []any{&void}, `SELECT pg_stat_force_next_flush()::text`))
	if hot := number(t, s, `SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'login_failures'`); hot < 45 {
		t.Errorf("%d of 50 updates were HOT", hot)
	}
}

func BenchmarkLoginState(b *testing.B) {
	s := storetest.New(b)
	alice := storetest.Account(b, s, "alice@example.test")
	must(b, s.RecordLogins(b.Context(), []mail.Login{{Account: alice, Network: office, Peer: office.Addr(), Protocol: "imap", Mechanism: "PLAIN", Count: 1}}))
	b.Run("credentials", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := s.LoginCredentials(b.Context(), addr(b, "alice@example.test")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("state", func(b *testing.B) {
		for b.Loop() {
			loginState(b, s, alice, office)
		}
	})
	b.Run("record 100", func(b *testing.B) {
		var all []mail.Login
		for i := range 100 {
			all = append(all, mail.Login{Account: alice, Network: office, Peer: office.Addr(), Protocol: "imap", Mechanism: "PLAIN", Client: fmt.Sprint(i), Count: 1})
		}
		for b.Loop() {
			must(b, s.RecordLogins(b.Context(), all))
		}
	})
}
