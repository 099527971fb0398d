package auth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// directory is one account with two addresses and some credentials.
type directory struct {
	mu      sync.Mutex
	account mail.AccountRecord
	creds   []mail.CredentialRecord
	touched []mail.CredentialID
	fail    error
}

func (d *directory) LoginCredentials(_ context.Context, a mail.Address) (mail.AccountRecord, []mail.CredentialRecord, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return mail.AccountRecord{}, nil, d.fail
	}
	if k := loginKey(a); k != "alice@example.test" && k != "a.lias@example.test" {
		return mail.AccountRecord{}, nil, mail.Errorf(mail.CodeNotFound, "no such account")
	}
	return d.account, append([]mail.CredentialRecord(nil), d.creds...), nil
}

func (d *directory) ScramSecret(context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return []byte("the secret of an instance"), d.fail
}

func (d *directory) TouchCredential(_ context.Context, id mail.CredentialID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.touched = append(d.touched, id)
	return nil
}

type fixture struct {
	*Authenticator
	dir    *directory
	logs   bytes.Buffer
	hashes int
	slept  []time.Duration
	now    time.Time
	app    string
}

var peer = netip.MustParseAddr("192.0.2.7")

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{now: time.Unix(1_800_000_000, 0)}
	hash, err := HashPassword("correct horse é")
	if err != nil {
		t.Fatal(err)
	}
	shown, prefix, appHash, keys := NewAppPassword(Factors{Salt: []byte("a salt of sixteen"), Iterations: scramIterations})
	f.app = shown
	addr, _ := address.Parse("alice@example.test")
	f.dir = &directory{
		account: mail.AccountRecord{ID: 7, Address: addr, ChangeSeq: 3},
		creds: []mail.CredentialRecord{
			{ID: 1, Account: 7, Kind: mail.CredentialPassword, Hash: hash},
			{ID: 2, Account: 7, Kind: mail.CredentialApp, Prefix: prefix, Hash: appHash, Scram: keys},
		},
	}
	f.Authenticator = New(Config{
		Now: func() time.Time { return f.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			f.slept = append(f.slept, d)
			f.now = f.now.Add(d)
			return nil
		},
	}, f.dir, slog.New(slog.NewTextHandler(&f.logs, nil)))
	f.verify = func(phc, password string) (bool, error) {
		f.hashes++ // and no real hashing: dozens of guesses would take seconds
		return phc == hash && password == "correct horse é", nil
	}
	return f
}

func (f *fixture) login(login, password string) (Identity, mail.Code) {
	id, err := f.Password(context.Background(), login, password, peer)
	if err == nil {
		return id, -1
	}
	return id, mail.CodeOf(err)
}

func TestPassword(t *testing.T) {
	f := newFixture(t)
	f.verify = checkPHC
	for _, tc := range []struct {
		login, password string
		credential      mail.CredentialID
	}{
		{"alice@example.test", "correct horse é", 1},
		{"A.lias@EXAMPLE.test", "correct horse e\u0301", 1},
		{"alice@example.test", f.app, 2},
		{"alice@example.test", " " + strings.ToUpper(f.app) + " ", 2},
		{"alice@example.test", "wrong", 0},
		{"alice@example.test", "", 0},
		{"alice@example.test", strings.Repeat("x", MaxPassword+1), 0},
		{"bob@example.test", "correct horse é", 0},
		{"alice", "correct horse é", 0},
	} {
		id, code := f.login(tc.login, tc.password)
		if tc.credential == 0 && code != mail.CodeBadCredentials || id.Credential != tc.credential {
			t.Errorf("%s: %+v, code %d", tc.login, id, code)
		}
		if tc.credential != 0 && (id.Account != 7 || id.ChangeSeq != 3) {
			t.Errorf("%s: %+v", tc.login, id)
		}
	}
	if len(f.dir.touched) == 0 {
		t.Error("no use was noted")
	}
}

func TestUnknownUsersCostTheSame(t *testing.T) {
	f := newFixture(t)
	f.login("alice@example.test", "wrong 1")
	known := f.hashes
	f.login("bob@example.test", "wrong 2")
	if known != 1 || f.hashes != 2 {
		t.Errorf("%d hashes for a known user, %d for both", known, f.hashes)
	}
	p, _, _, err := decodePHC(f.dummy)
	if err != nil || p != defaultParams {
		t.Errorf("the dummy costs %+v, %v", p, err)
	}
}

func TestVerifiedPasswordsAreHashedOnce(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		if _, code := f.login("alice@example.test", "correct horse é"); code != -1 {
			t.Fatal(code)
		}
	}
	if f.hashes != 1 {
		t.Errorf("%d hashes for three log-ins", f.hashes)
	}
	f.dir.account.ChangeSeq++ // as a new password does
	f.login("alice@example.test", "correct horse é")
	if f.hashes != 2 {
		t.Error("the cache outlived a change of the account")
	}
	f.now = f.now.Add(time.Hour)
	f.login("alice@example.test", "correct horse é")
	if f.hashes != 3 {
		t.Error("the cache outlived its time")
	}
	f.dir.creds = f.dir.creds[1:] // revoked behind our back
	if _, code := f.login("alice@example.test", "correct horse é"); code != mail.CodeBadCredentials {
		t.Errorf("a credential that is gone still logs in: %d", code)
	}
}

func TestGuessesWaitLongerAndLonger(t *testing.T) {
	f := newFixture(t)
	var throttled int
	for i := range 40 {
		if _, code := f.login("alice@example.test", "guess"+string(rune('a'+i))); code == mail.CodeThrottled {
			throttled++
		}
	}
	if len(f.slept) < 3 || f.slept[1] <= f.slept[0] || f.slept[2] <= f.slept[1] {
		t.Errorf("delays do not grow: %v", f.slept)
	}
	if throttled == 0 || f.hashes+throttled != 40 {
		t.Errorf("%d hashes, %d turned away of 40", f.hashes, throttled)
	}
	if _, code := f.login("alice@example.test", "correct horse é"); code != mail.CodeThrottled {
		t.Errorf("the right password passes the throttle: %d; a guesser could tell", code)
	}
}

func TestRepeatedStalePasswordIsNoGuess(t *testing.T) {
	f := newFixture(t)
	for range 50 {
		f.login("alice@example.test", "old password")
		f.login("alice@example.test", "pr-00000000-00000000000000000000000000")
	}
	if f.hashes != 1 || len(f.slept) != 0 {
		t.Errorf("%d hashes, waited %v", f.hashes, f.slept)
	}
	if _, code := f.login("alice@example.test", "correct horse é"); code != -1 {
		t.Errorf("a phone with an old password locks its owner out: %d", code)
	}
}

func TestKnownPlaceSurvivesABotnet(t *testing.T) {
	f := newFixture(t)
	f.login("alice@example.test", "correct horse é")
	for i := range 200 {
		bot := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		f.Password(context.Background(), "alice@example.test", "guess"+string(rune('a'+i)), bot)
	}
	f.slept = nil
	if _, code := f.login("alice@example.test", "correct horse é"); code != -1 || len(f.slept) != 0 {
		t.Errorf("code %d, waited %v", code, f.slept)
	}
}

func TestExemptPeerKeepsAccountLimit(t *testing.T) {
	f := newFixture(t)
	f.throttle.exempt = func(a netip.Addr) bool { return a == peer }
	for i := range 30 {
		f.login("u"+string(rune('a'+i))+"@example.test", "x")
	}
	if len(f.slept) != 0 {
		t.Errorf("a gateway's address was held back: %v", f.slept)
	}
	for i := range 30 {
		f.login("alice@example.test", "guess"+string(rune('a'+i)))
	}
	if len(f.slept) == 0 {
		t.Error("guesses at one account were not held back")
	}
}

func TestDisabledAndUnavailable(t *testing.T) {
	f := newFixture(t)
	f.dir.account.Disabled = true
	if _, code := f.login("alice@example.test", "wrong"); code != mail.CodeBadCredentials {
		t.Errorf("a stranger learns that the account is disabled: %d", code)
	}
	if _, code := f.login("alice@example.test", f.app); code != mail.CodeAccountDisabled {
		t.Error(code)
	}
	f.dir.fail = errors.New("connection refused")
	_, err := f.Password(context.Background(), "alice@example.test", f.app, peer)
	if mail.CodeOf(err) != mail.CodeUnavailable || strings.Contains(mail.TextOf(err), "refused") {
		t.Errorf("%v", err)
	}
}

func TestChosenPasswords(t *testing.T) {
	for _, p := range []string{"", "a\x00b", strings.Repeat("x", 1025), "pr-00000000-00000000000000000000000000"} {
		if _, err := HashPassword(p); mail.CodeOf(err) != mail.CodeInvalid {
			t.Errorf("%q was accepted", p)
		}
	}
	for _, h := range []string{"", "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "$2y$10$abc"} {
		if _, err := checkPHC(h, "x"); err == nil {
			t.Errorf("%q was read", h)
		}
	}
}
