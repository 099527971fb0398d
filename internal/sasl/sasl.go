// Package sasl is the server side of SASL (RFC 4422) for SMTP and IMAP: one
// table of mechanisms, from which both advertise and run. A mechanism reads
// and writes messages; who is right about a password, a key, a token or a
// certificate is the Authenticator's to say.
package sasl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/netip"

	"postroom/internal/address"
	"postroom/internal/auth"
	"postroom/internal/mail"
)

// Authenticator verifies what a client shows; auth.Authenticator is one. All
// its errors are *mail.Error with a text for the client.
type Authenticator interface {
	Password(ctx context.Context, login, password string, peer netip.Addr) (auth.Identity, error)
	Scram(ctx context.Context, login string, peer netip.Addr) (*auth.Scram, error)
	Token(ctx context.Context, login, token string, peer netip.Addr) (auth.Identity, error)
	Certificate(ctx context.Context, login string, cert *x509.Certificate, peer netip.Addr) (auth.Identity, error)
	// OffersScram tells whether SCRAM is switched on.
	OffersScram() bool
	// TokenDiscovery is the URL of the issuer's metadata; "" when no tokens
	// are taken.
	TokenDiscovery() string
}

// Conn is what a mechanism may know of the connection.
type Conn struct {
	Peer netip.Addr           // the client
	TLS  *tls.ConnectionState // nil without TLS
}

// certificate gives the client certificate that TLS has verified, nil when
// there is none.
func (c Conn) certificate() *x509.Certificate {
	if c.TLS == nil || len(c.TLS.VerifiedChains) == 0 {
		return nil
	}
	return c.TLS.VerifiedChains[0][0]
}

// ErrMalformed is what a response that does not follow the mechanism gives.
var ErrMalformed = mail.Errorf(mail.CodeInvalid, "malformed authentication response")

// ErrAuthzid is the answer to a wish to act for somebody else.
var ErrAuthzid = auth.ErrOther

// step takes one response of the client. It gives a challenge and the step
// that takes the answer to it, or no step at the end, which is a success
// without an error.
type step func(ctx context.Context, response []byte) (challenge []byte, next step, err error)

// Exchange is one authentication under way. It is for one goroutine.
type Exchange struct {
	conn     Conn
	auth     Authenticator
	refused  func(login string, err error)
	prompt   []byte // challenge for a client that has sent nothing yet
	step     step
	login    string
	identity auth.Identity
	nonce    func() string // the server's part of SCRAM's
}

// Begin starts an exchange by the mechanism's name in upper case; nil when it
// is not offered on this connection. refused is called once, with the name
// that the client gave, as soon as the exchange has failed: some mechanisms
// have a message to go between that and the end.
func Begin(name string, c Conn, a Authenticator, refused func(login string, err error)) *Exchange {
	for _, m := range mechanisms {
		if m.Name == name && m.Offered(c, a) {
			x := &Exchange{conn: c, auth: a, refused: refused, prompt: []byte(m.prompt), nonce: nonce}
			x.step = m.start(x)
			return x
		}
	}
	return nil
}

// Next takes the client's response, nil when it sent none with its command,
// and gives the next challenge. done says that the client is who Identity
// says. Errors are ErrMalformed, ErrAuthzid and those of the Authenticator.
func (x *Exchange) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if x.step == nil {
		return nil, false, ErrMalformed
	}
	if response == nil && x.prompt != nil {
		challenge, x.prompt = x.prompt, nil
		return challenge, false, nil
	}
	x.prompt = nil
	challenge, x.step, err = x.step(ctx, response)
	if err != nil {
		x.step, x.identity = nil, auth.Identity{}
		x.refuse(err)
	}
	return challenge, err == nil && x.step == nil, err
}

func (x *Exchange) refuse(err error) {
	if x.refused != nil {
		x.refused(x.login, err)
		x.refused = nil
	}
}

// Identity is who logged in, once Next has said done.
func (x *Exchange) Identity() auth.Identity { return x.identity }

// speakFor refuses an authorization identity that is not the client's own:
// nobody acts for others here.
func (x *Exchange) speakFor(authzid string) error {
	if authzid == "" || authzid == x.login {
		return nil
	}
	a, err1 := address.Parse(authzid)
	b, err2 := address.Parse(x.login)
	if err1 != nil || err2 != nil || !address.Same(a, b) {
		return ErrAuthzid
	}
	return nil
}
