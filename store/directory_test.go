package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

const tester mail.Actor = "test"

func addr(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, c mail.Code) {
	t.Helper()
	if !mail.Is(err, c) {
		t.Errorf("error %v has code %v; want %v", err, mail.CodeOf(err), c)
	}
}

func newDomain(t testing.TB, s *store.Store, names ...string) {
	t.Helper()
	for _, n := range names {
		a, err := address.Domain(n)
		must(t, err)
		_, err = s.CreateDomain(t.Context(), tester, a, nil, nil)
		must(t, err)
	}
}

func newAccount(t testing.TB, s *store.Store, a string) mail.AccountID {
	t.Helper()
	acct, err := s.CreateAccount(t.Context(), tester, mail.NewAccount{Address: addr(t, a), PasswordHash: "hash of " + a})
	must(t, err)
	return acct.ID
}

func newAlias(t testing.TB, s *store.Store, a string, targets ...string) {
	t.Helper()
	local, domain, _ := strings.Cut(a, "@")
	d, err := address.Domain(domain)
	must(t, err)
	al := mail.Alias{Local: local, Domain: d}
	for _, x := range targets {
		al.Targets = append(al.Targets, addr(t, x))
	}
	must(t, s.SetAlias(t.Context(), tester, al, true))
}

// resolved gives a resolution as text: kind, accounts by their Delivered-To
// address, then remote addresses.
func resolved(t testing.TB, s *store.Store, rcpt string) string {
	t.Helper()
	r, err := s.ResolveRecipient(t.Context(), addr(t, rcpt))
	must(t, err)
	out := r.Kind.String()
	for _, a := range r.Accounts {
		out += " " + address.Display(a.Address)
	}
	for _, a := range r.Remote {
		out += " >" + address.Display(a)
	}
	if r.Truncated {
		out += " truncated"
	}
	return out
}

func TestResolveRecipient(t *testing.T) {
	s := storetest.New(t)
	newDomain(t, s, "example.test", "bücher.example")
	newAccount(t, s, "Alice@example.test")
	newAccount(t, s, "bob@example.test")
	newAccount(t, s, "用户@bücher.example")
	newAccount(t, s, "bob+shop@bücher.example")
	newAlias(t, s, "team@example.test", "alice@example.test", "bob@example.test", "team@example.test", "carol@elsewhere.example", "all@example.test")
	newAlias(t, s, "all@example.test", "team@example.test", "bob@example.test")
	newAlias(t, s, "out@example.test", "carol@elsewhere.example")
	newAlias(t, s, "nobody@example.test", "gone@example.test")
	newAlias(t, s, "@bücher.example", "alice@example.test")
	for rcpt, want := range map[string]string{
		"alice@example.test":          "local alice@example.test",
		"ALICE@example.test":          "local ALICE@example.test",
		"alice+list@example.test":     "local alice+list@example.test",
		"alice++x@example.test":       "local alice++x@example.test",
		"nobody-here@example.test":    "unknown",
		"x@elsewhere.example":         "not-ours",
		"用户@BÜCHER.example":           "local 用户@bücher.example",
		"用户+标签@xn--bcher-kva.example": "local 用户+标签@bücher.example",
		"bob+shop@bücher.example":     "local bob+shop@bücher.example",
		"bob+x@bücher.example":        "alias alice@example.test",
		"any@bücher.example":          "alias alice@example.test",
		"out@example.test":            "alias >carol@elsewhere.example",
		"out+tag@example.test":        "alias >carol@elsewhere.example",
		"nobody@example.test":         "unknown",
		"team@example.test":           "alias alice@example.test bob@example.test >carol@elsewhere.example",
		"postmaster@example.test":     "alias postmaster@example.test",
		"Abuse@bücher.example":        "alias alice@example.test",
	} {
		if got := resolved(t, s, rcpt); got != want {
			t.Errorf("%s: %s; want %s", rcpt, got, want)
		}
	}
}

func TestResolveDisabledAndDeleted(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	alice, bob := newAccount(t, s, "alice@example.test"), newAccount(t, s, "bob@example.test")
	newAlias(t, s, "both@example.test", "alice@example.test", "bob@example.test")
	must(t, s.DisableAccount(ctx, tester, alice))
	must(t, s.DeleteAccount(ctx, tester, bob))
	for rcpt, want := range map[string]string{
		"alice@example.test": "disabled", "bob@example.test": "unknown", "both@example.test": "disabled",
	} {
		if got := resolved(t, s, rcpt); got != want {
			t.Errorf("%s: %s; want %s", rcpt, got, want)
		}
	}
	must(t, s.UndeleteAccount(ctx, tester, bob))
	if got := resolved(t, s, "both@example.test"); got != "alias bob@example.test" {
		t.Errorf("after undelete: %s", got)
	}
	if got := resolved(t, s, "postmaster@example.test"); got != "alias postmaster@example.test" {
		t.Errorf("postmaster with the oldest account disabled: %s", got)
	}
}

func TestPostmaster(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test", "empty.test")
	bare := mail.Address{Local: "postmaster"}
	if r, err := s.ResolveRecipient(ctx, bare); err != nil || r.Kind != mail.ResolvedUnknown {
		t.Errorf("with no account at all: %v, %v", r.Kind, err)
	}
	first := newAccount(t, s, "first@example.test")
	second := newAccount(t, s, "second@example.test")
	only := func(a mail.Address) mail.AccountID {
		t.Helper()
		r, err := s.ResolveRecipient(ctx, a)
		must(t, err)
		if len(r.Accounts) != 1 {
			t.Fatalf("%v: %d accounts", a, len(r.Accounts))
		}
		return r.Accounts[0].Account
	}
	for _, a := range []mail.Address{bare, addr(t, "postmaster@empty.test"), addr(t, "ABUSE@example.test"), addr(t, "abuse+x@example.test")} {
		if got := only(a); got != first {
			t.Errorf("%v goes to %v; want the oldest account", a, got)
		}
	}
	must(t, s.SetSetting(ctx, tester, store.SettingPostmaster, "second@example.test"))
	if got := only(addr(t, "postmaster@empty.test")); got != second {
		t.Errorf("the setting was not followed")
	}
	must(t, s.DisableAccount(ctx, tester, second))
	if got := only(bare); got != first {
		t.Errorf("a disabled postmaster must not swallow mail")
	}
	newAlias(t, s, "postmaster@example.test", "hostmaster@elsewhere.example")
	if got := resolved(t, s, "postmaster@example.test"); got != "alias >hostmaster@elsewhere.example" {
		t.Errorf("an alias of its own comes first: %s", got)
	}
}

func TestAliasBounds(t *testing.T) {
	s := storetest.New(t)
	newDomain(t, s, "example.test")
	newAccount(t, s, "end@example.test")
	name := func(i int) string { return "a" + strings.Repeat("x", i) + "@example.test" }
	for i := range 12 {
		newAlias(t, s, name(i), name(i+1))
	}
	newAlias(t, s, name(12), "end@example.test")
	if got := resolved(t, s, name(4)); got != "alias end@example.test" {
		t.Errorf("nine levels: %s", got)
	}
	if got := resolved(t, s, name(0)); got != "alias truncated" {
		t.Errorf("thirteen levels: %s", got)
	}
	newAlias(t, s, "loop1@example.test", "loop2@example.test")
	newAlias(t, s, "loop2@example.test", "loop1@example.test", "loop1+again@example.test")
	if got := resolved(t, s, "loop1@example.test"); got != "unknown" {
		t.Errorf("a loop: %s", got)
	}
}

func TestQuotaInResolution(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	id := newAccount(t, s, "alice@example.test")
	must(t, s.SetQuota(ctx, tester, id, 1000))
	must(t, s.ExecForTest(ctx, `UPDATE mailbox_changes SET bytes = 450 WHERE account_id = $1
		AND mailbox_id IN (SELECT id FROM mailboxes WHERE name IN ('INBOX', 'Sent'))`, int64(id)))
	r, err := s.ResolveRecipient(ctx, addr(t, "alice@example.test"))
	must(t, err)
	if a := r.Accounts[0]; a.OverQuota(0) || a.OverQuota(100) || !a.OverQuota(101) {
		t.Errorf("900 of 1000 used: %+v", a)
	}
}

func TestSenderAllowed(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test", "bücher.example")
	alice, bob := newAccount(t, s, "alice@example.test"), newAccount(t, s, "bob@example.test")
	must(t, s.AddAddress(ctx, tester, alice, addr(t, "Ålice@bücher.example")))
	newAlias(t, s, "team@example.test", "inner@example.test")
	newAlias(t, s, "inner@example.test", "alice@example.test")
	newAlias(t, s, "@example.test", "alice@example.test")
	for a, want := range map[string][2]bool{
		"alice@example.test":        {true, false},
		"Alice+x@example.test":      {true, false},
		"ålice@bücher.example":      {true, false},
		"team@example.test":         {true, false},
		"team+x@example.test":       {true, false},
		"bob@example.test":          {false, true},
		"caught@example.test":       {false, false},
		"other@bücher.example":      {false, false},
		"alice@elsewhere.example":   {false, false},
		"alice@sub.example.test":    {false, false},
		"postmaster@bücher.example": {false, false},
	} {
		for i, acct := range []mail.AccountID{alice, bob} {
			got, err := s.SenderAllowed(ctx, acct, addr(t, a))
			must(t, err)
			if got != want[i] {
				t.Errorf("%s as account %d: %v; want %v", a, i, got, want[i])
			}
		}
	}
	must(t, s.DisableAccount(ctx, tester, alice))
	for _, a := range []string{"alice@example.test", "team@example.test"} {
		if ok, err := s.SenderAllowed(ctx, alice, addr(t, a)); err != nil || ok {
			t.Errorf("a disabled account may send as %s: %v", a, err)
		}
	}
}

func TestRenameKeepsTheOldAddress(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test", "bücher.example")
	id := newAccount(t, s, "anna.old@example.test")
	newAccount(t, s, "taken@example.test")
	must(t, s.RenameAccount(ctx, tester, id, addr(t, "Anna.New@bücher.example"), false))
	for _, a := range []string{"anna.old@example.test", "anna.new@bücher.example"} {
		got, err := s.AccountByAddress(ctx, addr(t, a))
		if err != nil || got.ID != id || got.Address.Local != "Anna.New" {
			t.Errorf("%s: %+v, %v", a, got, err)
		}
	}
	wantCode(t, s.RenameAccount(ctx, tester, id, addr(t, "Taken@example.test"), false), mail.CodeExists)
	must(t, s.RenameAccount(ctx, tester, id, addr(t, "ANNA.new@bücher.example"), true)) // spelling only
	l, err := s.AccountListing(ctx, id)
	must(t, err)
	if len(l.Addresses) != 2 || l.Addresses[0].Local != "ANNA.new" || l.Addresses[1].Local != "anna.old" {
		t.Errorf("addresses: %v", l.Addresses)
	}
	must(t, s.RenameAccount(ctx, tester, id, addr(t, "anna.old@example.test"), true))
	if _, err := s.AccountByAddress(ctx, addr(t, "anna.new@bücher.example")); !mail.Is(err, mail.CodeNotFound) {
		t.Errorf("the dropped address still leads there: %v", err)
	}
	wantCode(t, s.RemoveAddress(ctx, tester, id, addr(t, "anna.old@example.test")), mail.CodeInUse)
}

func TestDomainIsKeptWhileInUse(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	_, err := s.CreateDomain(ctx, tester, "example.test", nil, nil)
	wantCode(t, err, mail.CodeExists)
	_, err = s.CreateAccount(ctx, tester, mail.NewAccount{Address: addr(t, "a@other.test")})
	wantCode(t, err, mail.CodeNotFound)
	id := newAccount(t, s, "alice@example.test")
	newAlias(t, s, "all@example.test", "alice@example.test")
	wantCode(t, s.DeleteDomain(ctx, tester, "example.test"), mail.CodeInUse)
	must(t, s.DeleteAccount(ctx, tester, id))
	wantCode(t, s.DeleteDomain(ctx, tester, "example.test"), mail.CodeInUse)
	_, err = s.CreateAccount(ctx, tester, mail.NewAccount{Address: addr(t, "alice@example.test")})
	wantCode(t, err, mail.CodeExists)
	n, err := s.SweepDeletedAccounts(ctx, time.Now().Add(time.Hour))
	if err != nil || n != 1 {
		t.Fatalf("sweep: %d, %v", n, err)
	}
	must(t, s.DeleteDomain(ctx, tester, "example.test"))
	wantCode(t, s.DeleteDomain(ctx, tester, "example.test"), mail.CodeNotFound)
	if got := resolved(t, s, "alice@example.test"); got != "not-ours" {
		t.Errorf("after the delete: %s", got)
	}
	log, err := s.Audit(ctx, time.Now().Add(-time.Hour), 0)
	must(t, err)
	if len(log) != 6 || log[0].Action != "domain.delete" || log[0].Actor != tester || log[0].Target != "example.test" {
		t.Errorf("audit: %d rows, last %+v", len(log), log[0])
	}
}

func TestCredentials(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	id := newAccount(t, s, "alice@example.test")
	acct, cs, err := s.LoginCredentials(ctx, addr(t, "ALICE@example.test"))
	if err != nil || acct.ID != id || len(cs) != 1 || cs[0].Hash != "hash of alice@example.test" {
		t.Fatalf("log-in: %+v, %+v, %v", acct, cs, err)
	}
	_, _, err = s.LoginCredentials(ctx, addr(t, "alice+x@example.test"))
	wantCode(t, err, mail.CodeNotFound)
	old := cs[0].ID

	app, err := s.AddAppPassword(ctx, tester, mail.CredentialRecord{Account: id, Label: "phone", Prefix: "pfx1", Hash: "h", Scram: "k"})
	must(t, err)
	_, err = s.AddAppPassword(ctx, tester, mail.CredentialRecord{Account: id, Label: "pad", Prefix: "pfx1", Hash: "h"})
	wantCode(t, err, mail.CodeExists)
	got, c, err := s.AppCredential(ctx, "pfx1")
	if err != nil || got.ID != id || c.ID != app.ID || c.Scram != "k" {
		t.Fatalf("app password: %+v, %v", c, err)
	}
	must(t, s.TouchCredential(ctx, app.ID))
	cs, err = s.Credentials(ctx, id)
	if err != nil || len(cs) != 2 || cs[0].ID != old || cs[1].LastUsedAt.IsZero() || !cs[0].LastUsedAt.IsZero() {
		t.Errorf("credentials: %+v, %v", cs, err)
	}

	before, err := s.AccountState(ctx, id)
	must(t, err)
	must(t, s.SetPassword(ctx, tester, id, "new hash", "new keys"))
	st, err := s.AccountState(ctx, id)
	must(t, err)
	if st.ChangeSeq <= before.ChangeSeq || st.Allows(old) || !st.Allows(app.ID) || !st.Allows(0) {
		t.Errorf("after a new password: %+v", st)
	}
	must(t, s.RevokeCredential(ctx, tester, id, app.ID))
	wantCode(t, s.RevokeCredential(ctx, tester, id, app.ID), mail.CodeNotFound)
	_, _, err = s.AppCredential(ctx, "pfx1")
	wantCode(t, err, mail.CodeNotFound)
	if st, _ := s.AccountState(ctx, id); st.Allows(app.ID) {
		t.Error("a revoked app password is still valid for sessions")
	}
	must(t, s.DisableAccount(ctx, tester, id))
	_, cs, err = s.LoginCredentials(ctx, addr(t, "alice@example.test"))
	must(t, err)
	if st, _ := s.AccountState(ctx, id); st.Allows(cs[0].ID) || st.Allows(0) {
		t.Error("sessions of a disabled account may go on")
	}
	must(t, s.EnableAccount(ctx, tester, id))
	if st, _ := s.AccountState(ctx, id); !st.Allows(cs[0].ID) {
		t.Error("an enabled account may not log in")
	}
	if st, err := s.AccountState(context.Background(), 1); err != nil || !st.Deleted {
		t.Errorf("an account that never was: %+v, %v", st, err)
	}
}

func TestChangeWakesSessions(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	newDomain(t, s, "example.test")
	id := newAccount(t, s, "alice@example.test")
	w := s.WatchAccount(id)
	defer w.Close()
	for name, change := range map[string]func() error{
		"password": func() error { return s.SetPassword(ctx, tester, id, "x", "") },
		"disable":  func() error { return s.DisableAccount(ctx, tester, id) },
		"enable":   func() error { return s.EnableAccount(ctx, tester, id) },
		"quota":    func() error { return s.SetQuota(ctx, tester, id, 5) },
	} {
		must(t, change())
		select {
		case <-w.C:
		case <-ctx.Done():
			t.Fatalf("%s: no wake", name)
		}
	}
}

// Nodes that ask for the secret together get the same one, and so do later ones.
func TestScramSecret(t *testing.T) {
	s := storetest.New(t)
	const nodes = 8
	got := make(chan string, nodes)
	for range nodes {
		go func() {
			secret, err := s.ScramSecret(context.Background())
			if err != nil {
				t.Error(err)
			}
			got <- string(secret)
		}()
	}
	first := <-got
	for range nodes - 1 {
		if next := <-got; next != first || len(next) != 32 {
			t.Errorf("secrets differ: %x, %x", first, next)
		}
	}
}
