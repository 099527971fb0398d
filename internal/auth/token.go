package auth

import (
	"context"
	"net/netip"

	"postroom/internal/mail"
)

// TokenVerifier verifies bearer tokens; oidc.Issuer is one.
type TokenVerifier interface {
	// Verify gives the address that the token names. Errors are *mail.Error:
	// CodeBadCredentials, CodeExpired for a token that was good once,
	// CodeUnavailable when that cannot be told now.
	Verify(ctx context.Context, token string) (mail.Address, error)
	// Discovery is where clients learn how to get a token (RFC 7628 §3.2.2).
	Discovery() string
}

// TokenDiscovery gives the URL of TokenVerifier.Discovery; "" when no tokens
// are taken.
func (a *Authenticator) TokenDiscovery() string {
	if a.tokens == nil {
		return ""
	}
	return a.tokens.Discovery()
}

// ErrOther is the answer to who proved to be one and asks for another.
var ErrOther = mail.Errorf(mail.CodeBadCredentials, "authorization as somebody else is not possible")

// Token checks a bearer token. login, an address, may be ""; else it must be
// of the account that the token names (ErrOther). Errors are those of Password.
func (a *Authenticator) Token(ctx context.Context, login, token string, peer netip.Addr) (Identity, error) {
	if a.tokens == nil {
		return Identity{}, errBad
	}
	t := newAttempt(login, peer)
	wanted, _, err := a.open(ctx, &t)
	if err != nil {
		return Identity{}, err
	}
	named, err := a.tokens.Verify(ctx, token)
	switch {
	case mail.Is(err, mail.CodeUnavailable):
		return Identity{}, unavailable(err)
	case mail.Is(err, mail.CodeExpired): // no guess: it is signed
		return Identity{}, errBad
	case err != nil:
		return Identity{}, a.badToken(t, token)
	}
	owner := newAttempt(named.String(), peer)
	acct, err := a.owner(ctx, &owner)
	switch {
	case err != nil:
		return Identity{}, err
	case acct.ID == 0:
		return Identity{}, a.badToken(t, token)
	case login != "" && wanted.ID != acct.ID:
		return Identity{}, ErrOther
	}
	return a.admit(ctx, owner, acct, nil)
}

// owner finds the account of who has proved to be t.
func (a *Authenticator) owner(ctx context.Context, t *attempt) (mail.AccountRecord, error) {
	acct, _, err := a.lookUp(ctx, *t)
	if err != nil || acct.ID == 0 {
		return acct, err
	}
	t.account = acct.ID
	return acct, a.learn(ctx, t.try)
}

// badToken counts a token once: a client that repeats one guesses nothing.
func (a *Authenticator) badToken(t attempt, token string) error {
	d := a.cache.digest("token", token)
	if _, seen := a.cache.get(d, 0); seen {
		return errBad
	}
	a.cache.put(d, 0, 0)
	return a.bad(t)
}
