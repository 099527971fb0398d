package auth

import (
	"context"
	"crypto/x509"
	"net/netip"

	"postroom/internal/mail"
)

// maxCertificateNames bounds the look-ups that one certificate can cause.
const maxCertificateNames = 8

// Certificate logs in the account that a client certificate names in its
// rfc822Name (RFC 5280 §4.2.1.6). TLS has verified the certificate. Exactly one
// account must be named, by any number of its addresses; login may be "", else
// it must be of that account (ErrOther). Errors are those of Password.
func (a *Authenticator) Certificate(ctx context.Context, login string, cert *x509.Certificate, peer netip.Addr) (Identity, error) {
	if len(cert.EmailAddresses) == 0 || len(cert.EmailAddresses) > maxCertificateNames {
		return Identity{}, errBad
	}
	t := newAttempt(cert.EmailAddresses[0], peer)
	if _, _, err := a.open(ctx, &t); err != nil {
		return Identity{}, err
	}
	owner, acct, err := a.certified(ctx, cert.EmailAddresses, peer)
	if err != nil {
		return Identity{}, err
	}
	same, err := a.same(ctx, login, acct)
	switch {
	case err != nil:
		return Identity{}, err
	case acct.ID == 0:
		return Identity{}, a.bad(t)
	case !same:
		return Identity{}, ErrOther
	}
	return a.admit(ctx, owner, acct, nil)
}

// certified gives the one account that the names belong to, none when it is
// not exactly one.
func (a *Authenticator) certified(ctx context.Context, names []string, peer netip.Addr) (t attempt, found mail.AccountRecord, err error) {
	for _, name := range names {
		n := newAttempt(name, peer)
		acct, err := a.owner(ctx, &n)
		switch {
		case err != nil:
			return t, mail.AccountRecord{}, err
		case acct.ID == 0 || acct.ID == found.ID:
		case found.ID != 0:
			return t, mail.AccountRecord{}, nil
		default:
			t, found = n, acct
		}
	}
	return t, found, nil
}

// same tells whether login is one of the account's addresses; "" is anybody's.
func (a *Authenticator) same(ctx context.Context, login string, acct mail.AccountRecord) (bool, error) {
	if login == "" {
		return true, nil
	}
	other, _, err := a.lookUp(ctx, newAttempt(login, netip.Addr{}))
	return other.ID == acct.ID, err
}
