package admin_test

import (
	"log/slog"
	"net/netip"
	"testing"

	"postroom/internal/admin"
	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/sasl"
	"postroom/internal/sasl/sasltest"
	"postroom/store"
)

// logIn runs SCRAM-SHA-256 against the store as mail programs do.
func logIn(t *testing.T, s *store.Store, chosen bool, login, password string) (auth.Identity, error) {
	t.Helper()
	a := auth.New(auth.Config{ScramForPasswords: chosen}, s, slog.New(slog.DiscardHandler))
	x := sasl.Begin("SCRAM-SHA-256", sasl.Conn{Peer: netip.MustParseAddr("192.0.2.7")}, a, nil)
	say := sasltest.Scram(login, password, "", sasltest.BindNot, nil)
	var challenge []byte
	for {
		response, err := say(challenge)
		if err != nil {
			t.Fatal(err)
		}
		var done bool
		if challenge, done, err = x.Next(t.Context(), response); err != nil || done {
			return x.Identity(), err
		}
	}
}

func TestPasswordsServeSCRAM(t *testing.T) {
	a, s := desk(t)
	ctx := t.Context()
	_, err := a.CreateDomain(ctx, "example.test")
	must(t, err)
	_, err = a.CreateAccount(ctx, admin.AccountArgs{Address: "anna@example.test", Password: "horse battery"})
	must(t, err)
	var apps []admin.AppPassword
	for _, label := range []string{"phone", "pad"} {
		p, err := a.CreateAppPassword(ctx, "anna@example.test", label)
		must(t, err)
		apps = append(apps, p)
	}
	for _, p := range apps {
		if id, err := logIn(t, s, false, "Anna@example.test", p.Password); err != nil || id.Credential == 0 {
			t.Errorf("%s: %+v, %v", p.Label, id, err)
		}
	}
	if _, err := logIn(t, s, true, "anna@example.test", "horse battery"); !mail.Is(err, mail.CodeBadCredentials) {
		t.Errorf("keys of a chosen password were kept: %v", err)
	}
	a.ScramForPasswords = true
	_, err = a.SetPassword(ctx, "anna@example.test", "staple correct")
	must(t, err)
	_, err = a.CreateAccount(ctx, admin.AccountArgs{Address: "ben@example.test", Password: "horse battery"})
	must(t, err)
	p, err := a.CreateAppPassword(ctx, "ben@example.test", "phone")
	must(t, err)
	for login, password := range map[string]string{"anna@example.test": "staple correct", "ben@example.test": "horse battery"} {
		if _, err := logIn(t, s, true, login, password); err != nil {
			t.Errorf("%s, allowed: %v", login, err)
		}
		if _, err := logIn(t, s, false, login, password); !mail.Is(err, mail.CodeBadCredentials) {
			t.Errorf("%s, not allowed any more: %v", login, err)
		}
	}
	if _, err := logIn(t, s, true, "ben@example.test", p.Password); err != nil {
		t.Errorf("an app password beside the chosen one: %v", err)
	}
	_, err = a.RevokeAppPassword(ctx, "anna@example.test", "phone")
	must(t, err)
	if _, err := logIn(t, s, true, "anna@example.test", apps[0].Password); !mail.Is(err, mail.CodeBadCredentials) {
		t.Errorf("a revoked app password: %v", err)
	}
	if _, err := logIn(t, s, true, "anna@example.test", apps[1].Password); err != nil {
		t.Errorf("the other one: %v", err)
	}
}
