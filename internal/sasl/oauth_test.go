package sasl

import (
	"context"
	"crypto/tls"
	"net/netip"
	"testing"

	"postroom/internal/auth"
	"postroom/internal/mail"
)

// issuer takes the token "good", and notes for whom.
type issuer struct {
	Authenticator
	login string
	err   error
}

func (*issuer) OffersScram() bool { return true }

func (i *issuer) TokenDiscovery() string {
	return "https://issuer.test/.well-known/openid-configuration"
}

func (i *issuer) Token(_ context.Context, login, token string, _ netip.Addr) (auth.Identity, error) {
	i.login = login
	if token != "good" {
		return auth.Identity{}, i.err
	}
	return auth.Identity{Account: 7}, nil
}

func inTLS(serverName string) Conn { return Conn{TLS: &tls.ConnectionState{ServerName: serverName}} }

func TestOAuth(t *testing.T) {
	bad := mail.Errorf(mail.CodeBadCredentials, "no")
	for _, tc := range []struct {
		mechanism, in, login string
		challenge            string
		err                  error
	}{
		{"OAUTHBEARER", "n,a=user@example.com,\x01host=mail.test\x01port=143\x01auth=Bearer good\x01\x01", "user@example.com", "", nil},
		{"OAUTHBEARER", "n,,\x01auth=bEaReR good\x01\x01", "", "", nil},
		{"OAUTHBEARER", "y,a=a=2Cb,\x01unknown=x\x01unknown=y\x01auth=Bearer good\x01\x01", "a,b", "", nil},
		{"OAUTHBEARER", "n,,\x01auth=Bearer forged\x01\x01", "", `{"status":"invalid_token","openid-configuration":"https://issuer.test/.well-known/openid-configuration"}`, bad},
		{"OAUTHBEARER", "n,,\x01auth=\x01\x01", "", `{"status":"invalid_token","openid-configuration":"https://issuer.test/.well-known/openid-configuration"}`, errNoToken},
		{"OAUTHBEARER", "n,,\x01auth=Basic good\x01\x01", "", `{"status":"invalid_token","openid-configuration":"https://issuer.test/.well-known/openid-configuration"}`, errNoToken},
		{"OAUTHBEARER", "p=tls-exporter,,\x01auth=Bearer good\x01\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "n,,auth=Bearer good\x01\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "n,,\x01auth=Bearer good\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "n,,\x01auth=Bearer good\x01auth=Bearer x\x01\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "n,user=x,\x01auth=Bearer good\x01\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "n,,\x01auth\x01\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "\x01", "", "", ErrMalformed},
		{"OAUTHBEARER", "", "", "", ErrMalformed},
		{"XOAUTH2", "user=u@example.com\x01auth=Bearer good\x01\x01", "u@example.com", "", nil},
		{"XOAUTH2", "user=u@example.com\x01auth=Bearer x\x01\x01", "u@example.com", `{"status":"401","schemes":"bearer"}`, bad},
		{"XOAUTH2", "auth=Bearer good\x01\x01", "", "", ErrMalformed},
		{"XOAUTH2", "user=u\x01auth=Bearer good\x01", "", "", ErrMalformed},
		{"XOAUTH2", "", "", "", ErrMalformed},
	} {
		var refused []error
		i := &issuer{err: bad}
		x := Begin(tc.mechanism, inTLS("MAIL.test"), i, func(_ string, err error) { refused = append(refused, err) })
		challenge, done, err := x.Next(t.Context(), []byte(tc.in))
		if string(challenge) != tc.challenge || i.login != tc.login && err == nil {
			t.Errorf("%s %q: %q for %q", tc.mechanism, tc.in, challenge, i.login)
		}
		if tc.challenge != "" {
			if err != nil || done || len(refused) != 1 {
				t.Errorf("%s %q: %v before the dummy, refused %v", tc.mechanism, tc.in, err, refused)
			}
			_, done, err = x.Next(t.Context(), []byte{1})
		}
		if err != tc.err || done != (err == nil) || (err == nil) != (x.Identity().Account == 7) || len(refused) > 1 {
			t.Errorf("%s %q: done %v, %v, refused %v", tc.mechanism, tc.in, done, err, refused)
		}
	}
}

func TestOAuthHost(t *testing.T) {
	const in = "n,,\x01host=imap.test\x01auth=Bearer good\x01\x01"
	for name, ok := range map[string]bool{"imap.test": true, "other.test": false, "": true} {
		x := Begin("OAUTHBEARER", inTLS(name), &issuer{}, nil)
		if _, done, err := x.Next(t.Context(), []byte(in)); done != ok || (err == nil) != ok {
			t.Errorf("reached as %q: %v, %v", name, done, err)
		}
	}
}

// What is not the client's fault ends at once, and is not called a bad token.
func TestOAuthLater(t *testing.T) {
	for _, code := range []mail.Code{mail.CodeUnavailable, mail.CodeThrottled} {
		x := Begin("XOAUTH2", inTLS(""), &issuer{err: mail.Errorf(code, "later")}, nil)
		challenge, done, err := x.Next(t.Context(), []byte("user=u\x01auth=Bearer x\x01\x01"))
		if challenge != nil || done || mail.CodeOf(err) != code {
			t.Errorf("%q, %v, %v", challenge, done, err)
		}
	}
}
