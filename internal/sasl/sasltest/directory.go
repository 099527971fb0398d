// Package sasltest has what tests of log-ins need: a directory in memory, an
// OIDC issuer and an authority of client certificates of the test's own, the
// client's side of every mechanism, and the cases that SMTP and IMAP must
// both pass.
package sasltest

import (
	"context"
	"sync"

	"postroom/internal/address"
	"postroom/internal/auth"
	"postroom/internal/mail"
)

// Directory is an auth.Directory in memory. It is safe for concurrent use.
type Directory struct {
	mu       sync.Mutex
	accounts []*account
	fail     error
}

type account struct {
	record    mail.AccountRecord
	addresses []mail.Address
	creds     []mail.CredentialRecord
}

// Add makes an account with these addresses, the primary one first.
func (d *Directory) Add(id mail.AccountID, addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := &account{record: mail.AccountRecord{ID: id, ChangeSeq: 3}}
	for _, s := range addresses {
		addr, err := address.Parse(s)
		if err != nil {
			panic(err)
		}
		a.addresses = append(a.addresses, addr)
	}
	a.record.Address = a.addresses[0]
	d.accounts = append(d.accounts, a)
}

// Change runs f on an account and its credentials.
func (d *Directory) Change(id mail.AccountID, f func(*mail.AccountRecord, *[]mail.CredentialRecord)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.accounts {
		if a.record.ID == id {
			f(&a.record, &a.creds)
			a.record.ChangeSeq++
		}
	}
}

// Factors gives those of an account's further keys.
func (d *Directory) Factors(id mail.AccountID) (f auth.Factors) {
	secret, _ := d.ScramSecret(context.Background())
	d.Change(id, func(a *mail.AccountRecord, c *[]mail.CredentialRecord) { f = auth.NewFactors(secret, a.Address, *c) })
	return f
}

// AddApp gives the account an app password.
func (d *Directory) AddApp(id mail.AccountID, cred mail.CredentialID) (shown string) {
	shown, prefix, hash, keys := auth.NewAppPassword(d.Factors(id))
	d.Change(id, func(_ *mail.AccountRecord, c *[]mail.CredentialRecord) {
		*c = append(*c, mail.CredentialRecord{ID: cred, Account: id, Kind: mail.CredentialApp, Prefix: prefix, Hash: hash, Scram: keys})
	})
	return shown
}

// Revoke ends a credential.
func (d *Directory) Revoke(id mail.AccountID, cred mail.CredentialID) {
	d.Change(id, func(_ *mail.AccountRecord, c *[]mail.CredentialRecord) {
		var left []mail.CredentialRecord
		for _, have := range *c {
			if have.ID != cred {
				left = append(left, have)
			}
		}
		*c = left
	})
}

// Fail makes every look-up fail; nil heals it.
func (d *Directory) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = err
}

// LoginCredentials is auth.Directory's.
func (d *Directory) LoginCredentials(_ context.Context, addr mail.Address) (mail.AccountRecord, []mail.CredentialRecord, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return mail.AccountRecord{}, nil, d.fail
	}
	for _, a := range d.accounts {
		for _, have := range a.addresses {
			if address.Same(have, addr) {
				return a.record, append([]mail.CredentialRecord(nil), a.creds...), nil
			}
		}
	}
	return mail.AccountRecord{}, nil, mail.Errorf(mail.CodeNotFound, "no such account")
}

// TouchCredential is auth.Directory's.
func (d *Directory) TouchCredential(context.Context, mail.CredentialID) error { return nil }

// ScramSecret is auth.Directory's.
func (d *Directory) ScramSecret(context.Context) ([]byte, error) {
	return []byte("a secret of thirty-two octets ..."), nil
}
