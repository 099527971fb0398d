package sasltest

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"testing"
)

// Want is how an exchange ends.
type Want int

// The ways in which exchanges end.
const (
	Accepted  Want = iota
	Refused        // SMTP 535, IMAP NO [AUTHENTICATIONFAILED] or, for a disabled account, [AUTHORIZATIONFAILED]
	NotYours       // SMTP 535, IMAP NO [AUTHORIZATIONFAILED]
	Malformed      // SMTP 501, IMAP BAD
	Later          // SMTP 454, IMAP NO [UNAVAILABLE]
	Unknown        // the mechanism is not offered: SMTP 504, IMAP NO [CANNOT]
)

// Case is an exchange that SMTP and IMAP must run alike, inside TLS.
type Case struct {
	Name, Mechanism string
	Want            Want
	// Certificate is what the client shows; nil: none.
	Certificate func(testing.TB, *Room) *tls.Certificate
	OldTLS      bool // TLS 1.2
	Before      func(*Room)
	Client      func(*Room, *tls.ConnectionState) Client
}

// Bearer is OAUTHBEARER's initial response.
func Bearer(authzid, token string) string {
	return "n," + authzid + ",\x01host=mx.example.test\x01port=993\x01auth=Bearer " + token + "\x01\x01"
}

// XOAuth2 is XOAUTH2's initial response.
func XOAuth2(user, token string) string {
	return "user=" + user + "\x01auth=bearer " + token + "\x01\x01"
}

func says(f func(*Room) []string) func(*Room, *tls.ConnectionState) Client {
	return func(r *Room, _ *tls.ConnectionState) Client { return Says(f(r)...) }
}

func scramAs(name string, password func(*Room) string, authzid, bind string) func(*Room, *tls.ConnectionState) Client {
	return func(r *Room, s *tls.ConnectionState) Client { return Scram(name, password(r), authzid, bind, s) }
}

func phone(r *Room) string { return r.Apps[0] }
func pad(r *Room) string   { return r.Apps[1] }
func wrong(*Room) string   { return "pr-00000000-00000000000000000000000000" }

func shows(emails ...string) func(testing.TB, *Room) *tls.Certificate {
	return func(t testing.TB, r *Room) *tls.Certificate { return r.Authority.Client(t, emails...) }
}

const alice = "alice@example.test"

// Cases gives all of them.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{passwordCases, scramCases, plusCases, tokenCases, certificateCases} {
		all = append(all, group...)
	}
	return all
}

var passwordCases = []Case{
	{Name: "plain", Mechanism: "PLAIN", Client: says(func(*Room) []string { return []string{"\x00" + alice + "\x00" + Password} })},
	{Name: "plain with an app password", Mechanism: "PLAIN", Client: says(func(r *Room) []string { return []string{alice + "\x00" + alice + "\x00" + r.Apps[1]} })},
	{Name: "plain, wrong", Mechanism: "PLAIN", Want: Refused, Client: says(func(*Room) []string { return []string{"\x00" + alice + "\x00no"} })},
	{Name: "plain for bob", Mechanism: "PLAIN", Want: NotYours, Client: says(func(*Room) []string { return []string{"bob@example.test\x00" + alice + "\x00" + Password} })},
	{Name: "plain, malformed", Mechanism: "PLAIN", Want: Malformed, Client: says(func(*Room) []string { return []string{"x"} })},
	{Name: "login", Mechanism: "LOGIN", Client: says(func(*Room) []string { return []string{alice, Password} })},
	{Name: "login, wrong", Mechanism: "LOGIN", Want: Refused, Client: says(func(*Room) []string { return []string{alice, "no"} })},
	{Name: "disabled", Mechanism: "PLAIN", Want: Refused, Client: says(func(r *Room) []string { return []string{"\x00carol@example.test\x00" + r.CarolApp} })},
	{Name: "directory away", Mechanism: "PLAIN", Want: Later, Before: func(r *Room) { r.Directory.Fail(errors.New("SELECT failed")) },
		Client: says(func(*Room) []string { return []string{"\x00" + alice + "\x00" + Password} })},
	{Name: "no such mechanism", Mechanism: "CRAM-MD5", Want: Unknown, Client: says(func(*Room) []string { return []string{""} })},
}

var scramCases = []Case{
	{Name: "scram", Mechanism: "SCRAM-SHA-256", Client: scramAs(alice, phone, "", BindNot)},
	{Name: "scram with the second app password", Mechanism: "SCRAM-SHA-256", Client: scramAs("A.Lias@example.test", pad, "a.lias@example.test", BindNot)},
	{Name: "scram, wrong", Mechanism: "SCRAM-SHA-256", Want: Refused, Client: scramAs(alice, wrong, "", BindNot)},
	{Name: "scram with a chosen password", Mechanism: "SCRAM-SHA-256", Want: Refused, Client: scramAs(alice, func(*Room) string { return Password }, "", BindNot)},
	{Name: "scram of nobody", Mechanism: "SCRAM-SHA-256", Want: Refused, Client: scramAs("nobody@example.test", phone, "", BindNot)},
	{Name: "scram, disabled", Mechanism: "SCRAM-SHA-256", Want: Refused, Client: scramAs("carol@example.test", func(r *Room) string { return r.CarolApp }, "", BindNot)},
	{Name: "scram for bob", Mechanism: "SCRAM-SHA-256", Want: NotYours, Client: scramAs(alice, phone, "bob@example.test", BindNot)},
	{Name: "scram, downgraded", Mechanism: "SCRAM-SHA-256", Want: Refused, Client: scramAs(alice, phone, "", BindUnheard)},
	{Name: "scram that would bind", Mechanism: "SCRAM-SHA-256", Want: Refused, Client: scramAs(alice, phone, "", BindExporter)},
	{Name: "scram, malformed", Mechanism: "SCRAM-SHA-256", Want: Malformed, Client: says(func(*Room) []string { return []string{"n,,n=a=b@c,r=x"} })},
	{Name: "scram, directory away", Mechanism: "SCRAM-SHA-256", Want: Later, Before: func(r *Room) { r.Directory.Fail(errors.New("SELECT failed")) },
		Client: scramAs(alice, phone, "", BindNot)},
	{Name: "scram, another's nonce", Mechanism: "SCRAM-SHA-256", Want: Malformed,
		Client: func(r *Room, s *tls.ConnectionState) Client {
			c, first := Scram(alice, r.Apps[0], "", BindNot, s), true
			return func(challenge []byte) ([]byte, error) {
				out, err := c(challenge)
				if first {
					first = false
					return out, err
				}
				return []byte("c=biws,r=replayed,p=" + base64.StdEncoding.EncodeToString(make([]byte, 32))), nil
			}
		}},
	{Name: "scram, more than an empty line", Mechanism: "SCRAM-SHA-256", Want: Malformed,
		Client: func(r *Room, s *tls.ConnectionState) Client {
			c, n := Scram(alice, r.Apps[0], "", BindNot, s), 0
			return func(challenge []byte) ([]byte, error) {
				if n++; n == 3 {
					return []byte("more"), nil
				}
				return c(challenge)
			}
		}},
}

var plusCases = []Case{
	{Name: "plus", Mechanism: "SCRAM-SHA-256-PLUS", Client: scramAs(alice, phone, "", BindExporter)},
	{Name: "plus in TLS 1.2", Mechanism: "SCRAM-SHA-256-PLUS", OldTLS: true, Client: scramAs(alice, phone, "", BindExporter)},
	{Name: "plus by tls-unique", Mechanism: "SCRAM-SHA-256-PLUS", OldTLS: true, Client: scramAs(alice, phone, "", BindUnique)},
	{Name: "plus by tls-unique in TLS 1.3", Mechanism: "SCRAM-SHA-256-PLUS", Want: Refused,
		Client: func(r *Room, s *tls.ConnectionState) Client {
			return Scram(alice, r.Apps[0], "", BindUnique, &tls.ConnectionState{TLSUnique: []byte("of another connection")})
		}},
	{Name: "plus of another connection", Mechanism: "SCRAM-SHA-256-PLUS", Want: Refused,
		Client: func(r *Room, s *tls.ConnectionState) Client {
			other := Scram(alice, r.Apps[0], "", BindUnique, &tls.ConnectionState{TLSUnique: []byte("of another connection")})
			return Altered(Altered(other, "p=tls-unique", "p=tls-exporter"), // and the header in c= likewise
				base64.StdEncoding.EncodeToString([]byte("p=tls-unique,,of another connection")),
				base64.StdEncoding.EncodeToString([]byte("p=tls-exporter,,of another connection")))
		}},
	{Name: "plus that does not bind", Mechanism: "SCRAM-SHA-256-PLUS", Want: Refused, Client: scramAs(alice, phone, "", BindNot)},
	{Name: "plus, wrong", Mechanism: "SCRAM-SHA-256-PLUS", Want: Refused, Client: scramAs(alice, wrong, "", BindExporter)},
}

// refusedToken is a client that a refusal's JSON is sent to, which it answers.
func refusedToken(mechanism, dummy, initial string) Client {
	n := 0
	return func(challenge []byte) ([]byte, error) {
		n++
		switch {
		case n == 1:
			return []byte(initial), nil
		case n == 2 && challenge[0] == '{':
			return []byte(dummy), nil
		}
		return nil, errors.New(mechanism + ": unexpected challenge " + string(challenge))
	}
}

func bearer(authzid, email string, change map[string]any) func(*Room, *tls.ConnectionState) Client {
	return func(r *Room, _ *tls.ConnectionState) Client {
		return refusedToken("OAUTHBEARER", "\x01", Bearer(authzid, r.Issuer.Token(email, change)))
	}
}

func xoauth2(user, email string, change map[string]any) func(*Room, *tls.ConnectionState) Client {
	return func(r *Room, _ *tls.ConnectionState) Client {
		return refusedToken("XOAUTH2", "", XOAuth2(user, r.Issuer.Token(email, change)))
	}
}

var tokenCases = []Case{
	{Name: "bearer", Mechanism: "OAUTHBEARER", Client: bearer("a="+alice, alice, nil)},
	{Name: "bearer without a name", Mechanism: "OAUTHBEARER", Client: bearer("", "a.lias@example.test", nil)},
	{Name: "bearer for bob", Mechanism: "OAUTHBEARER", Want: NotYours, Client: bearer("a=bob@example.test", alice, nil)},
	{Name: "bearer of nobody", Mechanism: "OAUTHBEARER", Want: Refused, Client: bearer("", "nobody@example.test", nil)},
	{Name: "bearer, expired", Mechanism: "OAUTHBEARER", Want: Refused, Client: bearer("a="+alice, alice, map[string]any{"exp": 1})},
	{Name: "bearer, disabled", Mechanism: "OAUTHBEARER", Want: Refused, Client: bearer("", "carol@example.test", nil)},
	{Name: "bearer, unverified", Mechanism: "OAUTHBEARER", Want: Refused, Client: bearer("", alice, map[string]any{"email_verified": false})},
	{Name: "bearer for another service", Mechanism: "OAUTHBEARER", Want: Refused, Client: bearer("", alice, map[string]any{"aud": "wiki"})},
	{Name: "bearer, malformed", Mechanism: "OAUTHBEARER", Want: Malformed, Client: says(func(*Room) []string { return []string{"\x01"} })},
	{Name: "bearer, no token", Mechanism: "OAUTHBEARER", Want: Refused,
		Client: func(*Room, *tls.ConnectionState) Client {
			return refusedToken("OAUTHBEARER", "\x01", "n,a="+alice+",\x01auth=\x01\x01")
		}},
	{Name: "bearer, issuer down", Mechanism: "OAUTHBEARER", Want: Later, Before: func(r *Room) { r.Issuer.Down.Store(true) },
		Client: bearer("a="+alice, alice, nil)},
	{Name: "xoauth2", Mechanism: "XOAUTH2", Client: xoauth2("a.lias@example.test", alice, nil)},
	{Name: "xoauth2 for bob", Mechanism: "XOAUTH2", Want: NotYours, Client: xoauth2("bob@example.test", alice, nil)},
	{Name: "xoauth2, expired", Mechanism: "XOAUTH2", Want: Refused, Client: xoauth2(alice, alice, map[string]any{"exp": 1})},
	{Name: "xoauth2, malformed", Mechanism: "XOAUTH2", Want: Malformed, Client: says(func(*Room) []string { return []string{"user=x"} })},
	{Name: "xoauth2, issuer down", Mechanism: "XOAUTH2", Want: Later, Before: func(r *Room) { r.Issuer.Down.Store(true) },
		Client: xoauth2(alice, alice, nil)},
}

var certificateCases = []Case{
	{Name: "certificate", Mechanism: "EXTERNAL", Certificate: shows(alice), Client: says(func(*Room) []string { return []string{""} })},
	{Name: "certificate and name", Mechanism: "EXTERNAL", Certificate: shows("x@elsewhere.test", "A.Lias@example.test", alice), Client: says(func(*Room) []string { return []string{alice} })},
	{Name: "certificate for bob", Mechanism: "EXTERNAL", Want: NotYours, Certificate: shows(alice), Client: says(func(*Room) []string { return []string{"bob@example.test"} })},
	{Name: "certificate of two", Mechanism: "EXTERNAL", Want: Refused, Certificate: shows(alice, "bob@example.test"), Client: says(func(*Room) []string { return []string{""} })},
	{Name: "certificate of nobody", Mechanism: "EXTERNAL", Want: Refused, Certificate: shows("nobody@example.test"), Client: says(func(*Room) []string { return []string{""} })},
	{Name: "certificate, disabled", Mechanism: "EXTERNAL", Want: Refused, Certificate: shows("carol@example.test"), Client: says(func(*Room) []string { return []string{""} })},
	{Name: "certificate, malformed", Mechanism: "EXTERNAL", Want: Malformed, Certificate: shows(alice), Client: says(func(*Room) []string { return []string{alice + "\x00"} })},
	{Name: "no certificate", Mechanism: "EXTERNAL", Want: Unknown, Client: says(func(*Room) []string { return []string{alice} })},
}
