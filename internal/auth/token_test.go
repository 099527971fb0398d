package auth

import (
	"context"
	"crypto/x509"
	"strings"
	"testing"

	"postroom/internal/mail"
)

// tokens takes "good <address>" and "expired".
type tokens struct{ asked int }

func (v *tokens) Discovery() string { return "https://issuer.test/.well-known/openid-configuration" }

func (v *tokens) Verify(_ context.Context, token string) (mail.Address, error) {
	v.asked++
	switch name, ok := strings.CutPrefix(token, "good "); {
	case ok:
		local, domain, _ := strings.Cut(name, "@")
		return mail.Address{Local: local, Domain: domain}, nil
	case token == "expired":
		return mail.Address{}, mail.Errorf(mail.CodeExpired, "expired")
	case token == "down":
		return mail.Address{}, mail.Errorf(mail.CodeUnavailable, "down")
	}
	return mail.Address{}, mail.Errorf(mail.CodeBadCredentials, "no")
}

func withTokens(t *testing.T) (*fixture, *tokens) {
	f, v := newFixture(t), &tokens{}
	f.tokens = v
	return f, v
}

func (f *fixture) token(login, token string) (Identity, mail.Code) {
	id, err := f.Token(context.Background(), login, token, peer)
	if err == nil {
		return id, -1
	}
	return id, mail.CodeOf(err)
}

func TestToken(t *testing.T) {
	f, _ := withTokens(t)
	for _, tc := range []struct {
		login, token string
		code         mail.Code
	}{
		{"", "good alice@example.test", -1},
		{"A.Lias@example.test", "good alice@example.test", -1},
		{"bob@example.test", "good alice@example.test", mail.CodeBadCredentials},
		{"alice", "good alice@example.test", mail.CodeBadCredentials},
		{"", "good bob@example.test", mail.CodeBadCredentials},
		{"bob@example.test", "good bob@example.test", mail.CodeBadCredentials},
		{"", "expired", mail.CodeBadCredentials},
		{"", "down", mail.CodeUnavailable},
		{"", "forged", mail.CodeBadCredentials},
	} {
		id, code := f.token(tc.login, tc.token)
		if code != tc.code || (code == -1) != (id.Account == 7 && id.Login == "alice@example.test" && id.Credential == 0 && id.ChangeSeq == 3) {
			t.Errorf("%q %q: %+v, code %d", tc.login, tc.token, id, code)
		}
	}
	f.dir.account.Disabled = true
	if _, code := f.token("", "good alice@example.test"); code != mail.CodeAccountDisabled {
		t.Errorf("disabled: %d", code)
	}
	if newFixture(t).TokenDiscovery() != "" || f.TokenDiscovery() == "" {
		t.Error("tokens are offered where none are taken, or not where they are")
	}
}

func TestForgedTokensWait(t *testing.T) {
	for _, login := range []string{"", "alice@example.test"} {
		f, v := withTokens(t)
		var throttled int
		for i := range 40 {
			if _, code := f.token(login, "forged "+string(rune('a'+i))); code == mail.CodeThrottled {
				throttled++
			}
		}
		if len(f.slept) < 3 || throttled == 0 || v.asked+throttled != 40 {
			t.Errorf("%q: waited %v, %d turned away, %d verified", login, f.slept, throttled, v.asked)
		}
	}
	f, _ := withTokens(t)
	for range 40 { // one token again and again, and tokens that were good, are no guesses
		f.token("", "forged")
		f.token("alice@example.test", "expired")
	}
	if len(f.slept) != 0 {
		t.Errorf("waited %v", f.slept)
	}
}

func TestCertificate(t *testing.T) {
	for _, tc := range []struct {
		login, names string
		code         mail.Code
	}{
		{"", "alice@example.test", -1},
		{"alice@example.test", "x,bob@example.test,A.lias@EXAMPLE.test,alice@example.test", -1},
		{"bob@example.test", "alice@example.test", mail.CodeBadCredentials},
		{"", "bob@example.test", mail.CodeBadCredentials},
		{"", "", mail.CodeBadCredentials},
		{"", strings.Repeat("alice@example.test,", 9) + "x", mail.CodeBadCredentials},
	} {
		f := newFixture(t)
		cert := &x509.Certificate{}
		if tc.names != "" {
			cert.EmailAddresses = strings.Split(tc.names, ",")
		}
		id, err := f.Certificate(context.Background(), tc.login, cert, peer)
		code := mail.Code(-1)
		if err != nil {
			code = mail.CodeOf(err)
		}
		if code != tc.code || (code == -1) != (id.Account == 7) {
			t.Errorf("%q of %q: %+v, %v", tc.login, tc.names, id, err)
		}
	}
}
