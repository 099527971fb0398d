package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mail"
	"postroom/internal/secret"
	"postroom/internal/zone"
	"postroom/store"
	"postroom/store/storetest"
)

var _ admin.Store = (*store.Store)(nil)

// desk is an Admin on a database of its own, with a bound master key and the
// cheapest of hashes.
func desk(t *testing.T) (*admin.Admin, *store.Store) {
	t.Helper()
	s := storetest.New(t)
	key, _, err := secret.LoadOrCreate(filepath.Join(t.TempDir(), "master.key"), "")
	must(t, err)
	must(t, s.BindMasterKey(t.Context(), key.Fingerprint()))
	return admin.New(admin.Config{Store: s, Actor: "test", Key: key,
		HashPassword: func(p string) (string, error) { return "hashed " + p, nil },
		Now:          func() time.Time { return time.Date(2025, 3, 9, 1, 2, 3, 0, time.UTC) }}), s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks the code and that an administrator is told what to do.
func refused(t testing.TB, err error, code mail.Code, hint string) {
	t.Helper()
	var e *mail.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Hint, hint) {
		t.Errorf("got %v (%+v); want code %v with a hint on %q", err, e, code, hint)
	}
}

func TestDomainComesWithItsRecords(t *testing.T) {
	a, _ := desk(t)
	d, err := a.CreateDomain(t.Context(), "Bücher.example")
	must(t, err)
	if d.Name != "bücher.example" || d.ASCII != "xn--bcher-kva.example" || len(d.DKIM) != 2 {
		t.Fatalf("%+v", d)
	}
	rsa, ed := d.DKIM[0], d.DKIM[1]
	if rsa.Selector != "r20250309" || ed.Selector != "e20250309" || rsa.Record.Name != "r20250309._domainkey.xn--bcher-kva.example" {
		t.Errorf("keys: %+v", d.DKIM)
	}
	for prefix, r := range map[string]zone.Record{"v=DKIM1; k=rsa; p=": rsa.Record, "v=DKIM1; k=ed25519; p=": ed.Record} {
		p, ok := strings.CutPrefix(r.Value, prefix)
		if _, err := base64.StdEncoding.DecodeString(p); !ok || err != nil {
			t.Errorf("record %q: %v", r.Value, err)
		}
		var joined string
		for i, part := range strings.Split(r.Zone, `"`) {
			if i%2 == 1 {
				if len(part) > 255 {
					t.Errorf("a string of %d octets", len(part))
				}
				joined += part
			}
		}
		if joined != r.Value {
			t.Errorf("the zone line does not say the value: %s", r.Zone)
		}
	}
	if len(ed.Record.Value) != len("v=DKIM1; k=ed25519; p=")+44 {
		t.Errorf("an Ed25519 key is 32 octets: %s", ed.Record.Value)
	}
	_, err = a.CreateDomain(t.Context(), "xn--bcher-kva.example")
	refused(t, err, mail.CodeExists, "")
	_, err = a.CreateDomain(t.Context(), "not a domain")
	refused(t, err, mail.CodeInvalid, "example.com")

	more, err := a.RenewDKIM(t.Context(), "bücher.example", true)
	must(t, err)
	if more[0].Selector != "r20250309b" {
		t.Errorf("the second selector of a day is %s", more[0].Selector)
	}
	refused(t, a.RetireDKIM(t.Context(), "bücher.example", "nonsense"), mail.CodeNotFound, "")
	must(t, a.RetireDKIM(t.Context(), "bücher.example", more[0].Selector))
	refused(t, a.RetireDKIM(t.Context(), "bücher.example", more[1].Selector), mail.CodeInUse, "renew")
	_, err = a.SetSmarthost(t.Context(), admin.SmarthostArgs{Host: "relay.example.net"})
	must(t, err)
	f, err := a.ZoneFacts(t.Context(), "bücher.example", zone.Host{Name: "MX.example.net"})
	must(t, err)
	if len(f.Keys) != 1 || f.Keys[0].Selector != "e20250309b" || f.Host.Name != "mx.example.net" || f.Host.Smarthost != "relay.example.net" {
		t.Errorf("facts: %+v", f)
	}
	_, err = a.ZoneFacts(t.Context(), "other.example", zone.Host{Name: "mx.example.net"})
	refused(t, err, mail.CodeNotFound, "")
}

func TestAccountsLife(t *testing.T) {
	a, _ := desk(t)
	ctx := t.Context()
	_, err := a.CreateDomain(ctx, "bücher.example")
	must(t, err)
	acct, err := a.CreateAccount(ctx, admin.AccountArgs{Address: "用户@BÜCHER.example", Name: "  用户  ", Quota: "1.5 GB", Generate: true})
	must(t, err)
	if acct.Address != "用户@bücher.example" || acct.Name != "用户" || acct.QuotaBytes != 3<<29 || len(acct.Password) != 23 || acct.State != admin.StateActive {
		t.Errorf("%+v", acct)
	}
	for _, c := range []struct {
		args admin.AccountArgs
		code mail.Code
		hint string
	}{
		{admin.AccountArgs{Address: "用户@bücher.example", Password: "long enough"}, mail.CodeExists, ""},
		{admin.AccountArgs{Address: "x@elsewhere.example", Password: "long enough"}, mail.CodeNotFound, "domain add"},
		{admin.AccountArgs{Address: "x y@bücher.example", Password: "long enough"}, mail.CodeInvalid, "name@example.com"},
		{admin.AccountArgs{Address: "x@bücher.example", Password: "short"}, mail.CodeInvalid, "8"},
		{admin.AccountArgs{Address: "x@bücher.example", Password: "long enough", Quota: "lots"}, mail.CodeInvalid, "500M"},
		{admin.AccountArgs{Address: "x@bücher.example", Password: "long enough", Name: "a\nb"}, mail.CodeInvalid, ""},
	} {
		_, err := a.CreateAccount(ctx, c.args)
		refused(t, err, c.code, c.hint)
	}
	app, err := a.CreateAppPassword(ctx, "用户@bücher.example", "phone")
	must(t, err)
	if !strings.HasPrefix(app.Password, "pr-"+app.Prefix) {
		t.Errorf("app password %+v", app)
	}
	acct, err = a.RenameAccount(ctx, "用户@bücher.example", "user@bücher.example", false)
	must(t, err)
	if strings.Join(acct.Addresses, " ") != "user@bücher.example 用户@bücher.example" || acct.AppPasswords != 1 || acct.Password != "" {
		t.Errorf("renamed: %+v", acct)
	}
	if _, err := a.RevokeAppPassword(ctx, "user@bücher.example", "tablet"); !mail.Is(err, mail.CodeNotFound) {
		t.Errorf("revoked a label that is not there: %v", err)
	}
	_, err = a.RevokeAppPassword(ctx, "user@bücher.example", "phone")
	must(t, err)
	for _, step := range []struct {
		do    func() (admin.Account, error)
		state string
	}{
		{func() (admin.Account, error) { return a.Disable(ctx, "用户@bücher.example") }, admin.StateDisabled},
		{func() (admin.Account, error) { return a.Enable(ctx, "用户@bücher.example") }, admin.StateActive},
		{func() (admin.Account, error) { return a.Delete(ctx, "用户@bücher.example") }, admin.StateDeleted},
		{func() (admin.Account, error) { return a.Undelete(ctx, "用户@bücher.example") }, admin.StateActive},
	} {
		got, err := step.do()
		if err != nil || got.State != step.state {
			t.Errorf("state %s, %v; want %s", got.State, err, step.state)
		}
	}
	_, err = a.Delete(ctx, "用户@bücher.example")
	must(t, err)
	if left, err := a.Accounts(ctx, "bücher.example", false); err != nil || len(left) != 0 {
		t.Errorf("a deleted account is listed: %v, %v", left, err)
	}
	_, err = a.SetQuota(ctx, "用户@bücher.example", "none")
	refused(t, err, mail.CodeNotFound, "undelete")
}

func TestAliases(t *testing.T) {
	a, s := desk(t)
	ctx := t.Context()
	_, err := a.CreateDomain(ctx, "bücher.example")
	must(t, err)
	_, err = a.CreateAccount(ctx, admin.AccountArgs{Address: "anna@bücher.example", NoPassword: true})
	must(t, err)
	_, err = a.CreateAlias(ctx, "info@bücher.example", []string{"ana@bücher.example"})
	refused(t, err, mail.CodeNotFound, "first")
	_, err = a.CreateAlias(ctx, "info@bücher.example", []string{"anna@bücher.example", "Anna@xn--bcher-kva.example"})
	refused(t, err, mail.CodeInvalid, "")
	al, err := a.CreateAlias(ctx, "Info@bücher.example", []string{"anna@bücher.example", "x@elsewhere.example"})
	must(t, err)
	if al.Address != "Info@bücher.example" || strings.Join(al.Targets, " ") != "anna@bücher.example x@elsewhere.example" {
		t.Errorf("%+v", al)
	}
	_, err = a.CreateAlias(ctx, "info@bücher.example", []string{"anna@bücher.example"})
	refused(t, err, mail.CodeExists, "")
	al, err = a.SetAliasTargets(ctx, "info@bücher.example", []string{"anna@bücher.example"})
	if err != nil || len(al.Targets) != 1 {
		t.Errorf("%+v, %v", al, err)
	}
	al, err = a.CreateAlias(ctx, "*@bücher.example", []string{"x@elsewhere.example"})
	if err != nil || al.Address != "*@bücher.example" {
		t.Errorf("catch-all: %+v, %v", al, err)
	}
	d, err := a.Domain(ctx, "bücher.example")
	if err != nil || d.Aliases != 1 || d.Accounts != 1 || len(d.CatchAll) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = a.RenameAlias(ctx, "info@bücher.example", "office@bücher.example", true)
	must(t, err)
	r, err := s.ResolveRecipient(ctx, mail.Address{Local: "info", Domain: d.ASCII})
	if err != nil || len(r.Accounts) != 1 {
		t.Errorf("the old alias leads to %+v, %v", r, err)
	}
	must(t, a.DeleteAlias(ctx, "@bücher.example"))
	if all, err := a.Aliases(ctx, ""); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	must(t, a.SetPostmaster(ctx, "anna@bücher.example"))
	if got, err := a.Postmaster(ctx); err != nil || got != "anna@xn--bcher-kva.example" {
		t.Errorf("postmaster %q, %v", got, err)
	}
	refused(t, a.SetPostmaster(ctx, "ana@bücher.example"), mail.CodeNotFound, "first")
}

func TestSmarthost(t *testing.T) {
	a, s := desk(t)
	ctx := t.Context()
	h, err := a.SetSmarthost(ctx, admin.SmarthostArgs{Host: "Relay.example.net", Username: "u", Password: "secret word"})
	must(t, err)
	if h.Host != "relay.example.net" || h.Port != 587 || h.TLS != "starttls" || !h.HasPassword {
		t.Errorf("%+v", h)
	}
	kept, ok, err := s.Smarthost(ctx, "any.example")
	if err != nil || !ok || strings.Contains(string(kept.Sealed), "secret") {
		t.Fatalf("%+v, %v", kept, err)
	}
	plain, err := a.Key.Open("smarthosts", "", kept.Sealed)
	if err != nil || string(plain) != "secret word" {
		t.Errorf("the password opens as %q, %v", plain, err)
	}
	_, err = a.SetSmarthost(ctx, admin.SmarthostArgs{Domain: "bücher.example", Host: "127.0.0.1", Port: 2525, TLS: "none"})
	must(t, err)
	kept, _, err = s.Smarthost(ctx, "xn--bcher-kva.example")
	if err != nil || kept.Port != 2525 || kept.Sealed != nil {
		t.Errorf("%+v, %v", kept, err)
	}
	for _, args := range []admin.SmarthostArgs{
		{Host: ""}, {Host: "h.example", TLS: "ssl"}, {Host: "h.example", Port: 70000}, {Host: "h.example", Username: "u"},
		{Host: "h.example", TLS: "none", Username: "u", Password: "p"}, {Host: "h.example", Username: "u\r\n", Password: "p"},
	} {
		if _, err := a.SetSmarthost(ctx, args); !mail.Is(err, mail.CodeInvalid) {
			t.Errorf("%+v: %v", args, err)
		}
	}
	must(t, a.DeleteSmarthost(ctx, "bücher.example"))
	if all, err := a.Smarthosts(ctx); err != nil || len(all) != 1 || all[0].Domain != "" {
		t.Errorf("%+v, %v", all, err)
	}
	b, err := json.Marshal(h)
	if err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("JSON: %s, %v", b, err)
	}
}

func TestQueueNeedsASelection(t *testing.T) {
	a, _ := desk(t)
	_, err := a.QueueDelete(t.Context(), admin.QueueSelect{})
	refused(t, err, mail.CodeInvalid, "--all")
	_, err = a.QueueRetry(t.Context(), admin.QueueSelect{ID: "nonsense"})
	refused(t, err, mail.CodeInvalid, "13 characters")
	_, err = a.QueueRetry(t.Context(), admin.QueueSelect{ID: mail.TraceID(12345).String()})
	refused(t, err, mail.CodeNotFound, "trace")
	if got, err := a.QueueHold(t.Context(), admin.QueueSelect{All: true}); err != nil || got.Changed != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := a.Queue(t.Context(), admin.QueueSelect{}, 0); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"": 0, "none": 0, "0": 0, "1000": 1000, "5G": 5 << 30, "5 gb": 5 << 30, "500MiB": 500 << 20,
		"1.5k": 1536, "1T": 1 << 40, "10 B": 10} {
		if got, err := admin.ParseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"b", "G", "-1", "x", "5X", "NaN", "inf", "1e30", "5G5"} {
		if got, err := admin.ParseSize(in); err == nil {
			t.Errorf("%q was read as %d", in, got)
		}
	}
}
