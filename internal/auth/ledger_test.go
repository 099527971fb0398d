package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/mail"
)

// ledger is a Ledger in memory, on the clock of its first server.
type ledger struct {
	mu       sync.Mutex
	failures map[mail.LoginCounter]int
	last     map[mail.LoginCounter]time.Time
	history  []mail.Login
	seen     map[mail.LoginCounter]int // days ago
	asked    int
	fail     error
	now      func() time.Time
}

func (l *ledger) LoginState(_ context.Context, acct mail.AccountID, network netip.Prefix) (mail.LoginState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	st := mail.LoginState{Counters: map[mail.LoginCounter]mail.LoginFailures{}}
	for c, n := range l.failures {
		if n > 0 {
			st.Counters[c] = mail.LoginFailures{Failures: n, Age: l.now().Sub(l.last[c])}
		}
	}
	st.SeenDays, st.Known = l.seen[mail.LoginCounter{Account: acct, Network: network}]
	return st, l.fail
}

func (l *ledger) AddLoginFailures(_ context.Context, add map[mail.LoginCounter]int, clear []mail.LoginCounter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, c := range clear {
		delete(l.failures, c)
	}
	for c, n := range add {
		l.failures[c] += n
		l.last[c] = l.now()
	}
	return nil
}

func (l *ledger) RecordLogins(_ context.Context, all []mail.Login) error {
	l.history = append(l.history, all...)
	return l.fail
}

// twoServers shares a ledger, and one clock.
func twoServers(t *testing.T) (a, b *fixture, l *ledger) {
	t.Helper()
	a, b = newFixture(t), newFixture(t)
	l = &ledger{failures: map[mail.LoginCounter]int{}, last: map[mail.LoginCounter]time.Time{}, seen: map[mail.LoginCounter]int{},
		now: func() time.Time { return a.now }}
	for _, f := range []*fixture{a, b} {
		f.book = newBook(l, f.log)
	}
	b.Authenticator.now, b.throttle.now = l.now, l.now
	b.throttle.networks, b.throttle.accounts = newThrottle(Config{Now: l.now}).networks, newThrottle(Config{Now: l.now}).accounts
	return a, b, l
}

func from(i, j int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, byte(i), byte(j)}) }

// guesses tries n wrong passwords, each from a network of its own, and saves.
func (f *fixture) guesses(n, first int) {
	for i := range n {
		f.Password(context.Background(), "alice@example.test", fmt.Sprintf("guess %d", first+i), from(first+i, 1))
	}
	f.Save(context.Background())
}

func TestFailuresOfAccountHoldBackOnAnotherServer(t *testing.T) {
	a, b, _ := twoServers(t)
	a.guesses(4, 0)
	b.guesses(4, 10)
	a.slept, b.slept = nil, nil
	if _, err := b.Password(context.Background(), "A.lias@example.test", b.app, from(99, 1)); err != nil || len(b.slept) != 1 || b.slept[0] != 4*time.Second {
		t.Errorf("after 8 failures of 5 that are free: %v, waited %v", err, b.slept)
	}
	// The network is known now, there and here.
	b.slept = nil
	b.guesses(1, 50)
	b.slept = nil
	if _, err := b.Password(context.Background(), "alice@example.test", b.app, from(99, 200)); err != nil || len(b.slept) != 0 {
		t.Errorf("where it was in before: %v, waited %v", err, b.slept)
	}
}

func TestFailuresOfNetworkHoldBackOnAnotherServer(t *testing.T) {
	a, b, l := twoServers(t)
	for i := range 12 {
		a.Password(context.Background(), fmt.Sprintf("user%d@example.test", i), "x", from(7, i))
	}
	a.Save(context.Background())
	if len(l.failures) != 1 {
		t.Errorf("names that are nobody's are shared: %v", l.failures)
	}
	b.slept = nil
	if _, err := b.Password(context.Background(), "alice@example.test", b.app, from(7, 250)); err != nil || len(b.slept) != 1 {
		t.Errorf("another address of the /24: %v, waited %v", err, b.slept)
	}
	b.slept = nil
	if _, err := b.Password(context.Background(), "alice@example.test", b.app, from(8, 250)); err != nil || len(b.slept) != 0 {
		t.Errorf("another /24: %v, waited %v", err, b.slept)
	}
}

// At home, others' failures in the network cost two seconds at most, and never
// a refusal.
func TestNeighboursCannotLockOut(t *testing.T) {
	a, b, l := twoServers(t)
	l.seen[mail.LoginCounter{Account: 7, Network: Network(peer)}] = 29
	l.failures[mail.LoginCounter{Network: Network(peer)}] = 500
	l.last[mail.LoginCounter{Network: Network(peer)}] = a.now
	if _, code := b.login("alice@example.test", b.app); code != -1 || len(b.slept) != 1 || b.slept[0] != knownMost {
		t.Errorf("at home: code %d, waited %v", code, b.slept)
	}
	l.seen[mail.LoginCounter{Account: 7, Network: Network(peer)}] = 31
	a.slept = nil
	if _, code := a.login("alice@example.test", a.app); code != mail.CodeThrottled {
		t.Errorf("there a month ago: code %d, waited %v", code, a.slept)
	}
}

// What the server turns away for sure costs nobody a look-up or a hash.
func TestFloodIsTurnedAwayWithoutAsking(t *testing.T) {
	a, _, l := twoServers(t)
	l.failures[mail.LoginCounter{Network: Network(peer)}] = 500
	l.last[mail.LoginCounter{Network: Network(peer)}] = a.now
	for range 100 {
		if _, code := a.login("alice@example.test", "guess"); code != mail.CodeThrottled {
			t.Fatal(code)
		}
	}
	if l.asked != 1 || a.hashes != 0 {
		t.Errorf("%d look-ups, %d hashes", l.asked, a.hashes)
	}
}

func TestForgivenEverywhere(t *testing.T) {
	a, b, l := twoServers(t)
	a.login("alice@example.test", a.app) // at home
	a.Save(context.Background())
	l.seen[mail.LoginCounter{Account: 7, Network: Network(peer)}] = 0
	for i := range 9 {
		b.login("alice@example.test", fmt.Sprintf("mistyped %d", i))
	}
	b.Save(context.Background())
	a.slept = nil
	if _, code := a.login("alice@example.test", a.app); code != -1 || len(a.slept) != 1 {
		t.Errorf("code %d, waited %v", code, a.slept)
	}
	a.Save(context.Background())
	b.slept = nil
	if _, code := b.login("alice@example.test", b.app); code != -1 || len(b.slept) != 0 {
		t.Errorf("forgiven on one server, and on the other code %d, waited %v", code, b.slept)
	}
}

func TestLedgerAway(t *testing.T) {
	a, _, l := twoServers(t)
	a.guesses(3, 0)
	l.fail = errors.New("connection refused")
	_, err := a.Password(context.Background(), "alice@example.test", a.app, peer)
	if mail.CodeOf(err) != mail.CodeUnavailable || strings.Contains(mail.TextOf(err), "refused") {
		t.Errorf("%v", err)
	}
	a.book.fail([]mail.LoginCounter{{Account: 7, Network: mail.AnyNetwork}})
	for range 3 {
		a.Save(context.Background())
	}
	if n := strings.Count(a.logs.String(), "not shared"); n != 1 {
		t.Errorf("%d lines about it", n)
	}
	l.fail = nil
	a.Save(context.Background())
	if n := l.failures[mail.LoginCounter{Account: 7, Network: mail.AnyNetwork}]; n != 4 {
		t.Errorf("%d failures were kept for later, not 4", n)
	}
}

func TestNewNetworkIsTold(t *testing.T) {
	a, b, l := twoServers(t)
	id, _ := a.login("alice@example.test", a.app)
	again, _ := a.login("alice@example.test", a.app)
	l.seen[mail.LoginCounter{Account: 7, Network: Network(peer)}] = 0
	other, _ := b.login("alice@example.test", b.app)
	if !id.NewNetwork || again.NewNetwork || other.NewNetwork {
		t.Errorf("first %v, again %v, on the other server %v", id.NewNetwork, again.NewNetwork, other.NewNetwork)
	}
}

func TestHistoryHasBounds(t *testing.T) {
	a, _, l := twoServers(t)
	for i := range 5000 {
		a.Note(mail.Login{Account: 7, Peer: from(i>>8, i), Protocol: "smtp", Mechanism: "PLAIN", Client: fmt.Sprint("bot ", i), Reason: "bad-credentials"})
	}
	for range 500 {
		a.Note(mail.Login{Account: 8, Credential: 2, Peer: netip.MustParseAddr("::ffff:192.0.2.7"), Protocol: "imap", Mechanism: "PLAIN", Client: strings.Repeat("é", 100)})
	}
	a.Note(mail.Login{Peer: peer, Reason: "bad-credentials"}) // nobody's
	a.Save(context.Background())
	rows, sum, rest := map[mail.AccountID]int{}, map[mail.AccountID]int{}, 0
	for _, r := range l.history {
		rows[r.Account]++
		sum[r.Account] += r.Count
		if r.Network == mail.AnyNetwork {
			rest += r.Count
		}
		if len(r.Client) > maxClient || r.Peer.Is4In6() {
			t.Errorf("%+v", r)
		}
	}
	if rows[7] != maxRows+1 || sum[7] != 5000 || rest != 5000-maxRows || rows[8] != 1 || sum[8] != 500 || len(rows) != 2 {
		t.Errorf("rows %v, log-ins %v, %d in the rest", rows, sum, rest)
	}
	a.Note(mail.Login{Account: 7, Peer: from(0, 0), Protocol: "smtp", Mechanism: "PLAIN", Client: "bot 0", Reason: "bad-credentials"})
	a.Note(mail.Login{Account: 7, Peer: from(9, 9), Protocol: "smtp", Mechanism: "PLAIN", Client: "bot", Reason: "bad-credentials"})
	l.history = nil
	a.Save(context.Background())
	if len(l.history) != 2 || l.history[0].Network == l.history[1].Network {
		t.Errorf("a row that is there, and one more: %+v", l.history)
	}
}

func TestRunSavesSoon(t *testing.T) {
	a, _, l := twoServers(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	a.Note(mail.Login{Account: 7, Peer: peer, Protocol: "imap", Mechanism: "PLAIN"})
	saved := func() int { a.book.saving.Lock(); defer a.book.saving.Unlock(); return len(l.history) }
	for end := time.Now().Add(20 * time.Second); saved() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not saved within 20 s")
		}
	}
	cancel()
	<-done
}
