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
	if err := a.hold(ctx, t); err != nil {
		return Identity{}, err
	}
	acct, err := a.certified(ctx, &t, cert.EmailAddresses)
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
	return a.admit(ctx, t, acct, nil)
}

// certified gives the one account that the names belong to, none when it is
// not exactly one; t then has its address.
func (a *Authenticator) certified(ctx context.Context, t *attempt, names []string) (found mail.AccountRecord, err error) {
	for _, name := range names {
		n := newAttempt(name, t.from)
		acct, _, err := a.lookUp(ctx, n)
		switch {
		case err != nil:
			return mail.AccountRecord{}, err
		case acct.ID == 0 || acct.ID == found.ID:
		case found.ID != 0:
			return mail.AccountRecord{}, nil
		default:
			found, t.addr = acct, n.addr
		}
	}
	return found, nil
}
