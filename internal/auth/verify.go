package auth

import (
	"context"
	"net/netip"

	"postroom/internal/mail"
)

// Password checks a login (an address) and password that came from peer.
// Errors are *mail.Error: CodeBadCredentials for any wrong part, CodeThrottled
// when there were too many wrong tries, CodeAccountDisabled only to who knows
// the password, CodeUnavailable when the directory or ctx is gone.
func (a *Authenticator) Password(ctx context.Context, login, password string, peer netip.Addr) (Identity, error) {
	t := newAttempt(login, peer)
	acct, creds, err := a.open(ctx, &t)
	if err != nil {
		return Identity{}, err
	}
	password, err = prepare(password)
	if err != nil {
		return Identity{}, a.bad(t)
	}
	cred, repeated, err := a.check(ctx, loginKey(t.addr), password, acct, creds)
	switch {
	case err != nil:
		return Identity{}, err
	case cred == nil && repeated:
		return Identity{}, errBad
	case cred == nil:
		return Identity{}, a.bad(t)
	}
	return a.admit(ctx, t, acct, cred)
}

// check finds the credential that the password belongs to, nil when none.
// repeated tells that the same wrong password was seen before.
func (a *Authenticator) check(ctx context.Context, login, password string, acct mail.AccountRecord, creds []mail.CredentialRecord) (cred *mail.CredentialRecord, repeated bool, err error) {
	d := a.cache.digest(login, password)
	if o, ok := a.cache.get(d, acct.ChangeSeq); ok {
		if o.credential == 0 {
			return nil, true, nil
		}
		if c := find(creds, func(c mail.CredentialRecord) bool { return c.ID == o.credential }); c != nil {
			return c, false, nil
		}
	}
	if prefix, ok := appPrefix(password); ok {
		cred = findApp(creds, prefix, password)
	} else if cred, err = a.hash(ctx, password, creds); err != nil {
		return nil, false, err
	}
	var id mail.CredentialID
	if cred != nil {
		id = cred.ID
	}
	a.cache.put(d, id, acct.ChangeSeq)
	return cred, false, nil
}

// hash runs one argon2id, be there a chosen password or not.
func (a *Authenticator) hash(ctx context.Context, password string, creds []mail.CredentialRecord) (*mail.CredentialRecord, error) {
	if err := a.hashes.Acquire(ctx, 1); err != nil {
		return nil, unavailable(err)
	}
	defer a.hashes.Release(1)
	cred := find(creds, func(c mail.CredentialRecord) bool { return c.Kind == mail.CredentialPassword })
	phc := a.dummy
	if cred != nil {
		phc = cred.Hash
	}
	ok, err := a.verify(phc, password)
	if err != nil {
		a.log.Error("stored password cannot be checked", "credential", int64(cred.ID), "error", err)
	}
	if !ok {
		return nil, nil
	}
	return cred, nil
}

// findApp compares against a hash in every case, so that a prefix that does
// not exist costs as much as one that does.
func findApp(creds []mail.CredentialRecord, prefix, password string) *mail.CredentialRecord {
	cred := find(creds, func(c mail.CredentialRecord) bool {
		return c.Kind == mail.CredentialApp && c.Prefix == prefix
	})
	var hash string
	if cred != nil {
		hash = cred.Hash
	}
	if !checkApp(hash, password) {
		return nil
	}
	return cred
}

func find(creds []mail.CredentialRecord, is func(mail.CredentialRecord) bool) *mail.CredentialRecord {
	for i := range creds {
		if is(creds[i]) {
			return &creds[i]
		}
	}
	return nil
}
