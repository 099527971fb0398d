// Package auth verifies log-ins for SMTP and IMAP: it holds guesses back
// before it hashes, bounds the memory that hashing takes, remembers verified
// passwords under a per-process HMAC, and spends the same on unknown users as
// on known ones.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Directory is what auth needs of the store.
type Directory interface {
	// LoginCredentials gives the account that owns the address, by its primary
	// or any further one, and all its valid credentials. CodeNotFound when no
	// account has it.
	LoginCredentials(ctx context.Context, a mail.Address) (mail.AccountRecord, []mail.CredentialRecord, error)
	// TouchCredential notes that the credential was used now.
	TouchCredential(ctx context.Context, id mail.CredentialID) error
}

// Identity is who logged in.
type Identity struct {
	Account    mail.AccountID
	Credential mail.CredentialID
	Login      string // the address given, normalised
	ChangeSeq  int64  // of the account: a greater one means that rights must be reread
}

// Config has a useful zero value.
type Config struct {
	// ExemptPeer names addresses without limits of their own, because many
	// people stand behind them (a container's gateway) or by configuration
	// (lift_limits). The limits per account stay.
	ExemptPeer func(netip.Addr) bool
	// Hashes runs at most so many argon2id at once, 19 MiB each; 0: one per CPU.
	Hashes int
	// CacheFor keeps verified passwords; 0: 10 minutes.
	CacheFor time.Duration
	Now      func() time.Time                           // time.Now when nil
	Sleep    func(context.Context, time.Duration) error // a timer when nil
}

const cacheSize = 1 << 14

// touchEvery bounds how often last_used_at is written per credential.
const touchEvery = time.Hour

// Authenticator verifies log-ins. It is safe for concurrent use.
type Authenticator struct {
	directory Directory
	log       *slog.Logger
	throttle  *throttle
	cache     *cache
	hashes    *semaphore.Weighted
	verify    func(phc, password string) (bool, error)
	dummy     string // PHC hash that unknown users are measured against
	now       func() time.Time
}

// New makes an Authenticator.
func New(c Config, d Directory, log *slog.Logger) *Authenticator {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Hashes == 0 {
		c.Hashes = runtime.GOMAXPROCS(0)
	}
	if c.CacheFor == 0 {
		c.CacheFor = 10 * time.Minute
	}
	return &Authenticator{
		directory: d, log: log, throttle: newThrottle(c), now: c.Now,
		cache:  newCache(cacheSize, c.CacheFor, c.Now),
		hashes: semaphore.NewWeighted(int64(c.Hashes)),
		verify: checkPHC,
		dummy:  encodePHC(defaultParams, make([]byte, 16), make([]byte, 32)),
	}
}

var errBad = mail.Errorf(mail.CodeBadCredentials, "authentication failed")

// Verify checks a login (an address) and password that came from peer. Errors
// are *mail.Error: CodeBadCredentials for any wrong part, CodeThrottled when
// there were too many wrong tries, CodeAccountDisabled only to who knows the
// password, CodeUnavailable when the directory or ctx is gone.
func (a *Authenticator) Verify(ctx context.Context, login, password string, peer netip.Addr) (Identity, error) {
	addr, addrErr := address.Parse(login)
	k := newTry(peer, loginKey(addr))
	ok, err := a.throttle.wait(ctx, k, peer)
	if err != nil {
		return Identity{}, mail.Wrap(mail.CodeUnavailable, err, "temporary authentication failure")
	}
	if !ok {
		return Identity{}, mail.Errorf(mail.CodeThrottled, "too many failed log-ins, try again later")
	}
	acct, creds, err := a.lookUp(ctx, addr, addrErr)
	if err != nil {
		return Identity{}, err
	}
	password, err = prepare(password)
	if err != nil {
		a.throttle.fail(k, peer)
		return Identity{}, errBad
	}
	cred, repeated, err := a.check(ctx, loginKey(addr), password, acct, creds)
	if err != nil {
		return Identity{}, err
	}
	if cred == nil {
		if !repeated {
			a.throttle.fail(k, peer)
		}
		return Identity{}, errBad
	}
	a.throttle.succeed(k)
	if acct.Disabled {
		return Identity{}, mail.Errorf(mail.CodeAccountDisabled, "account disabled")
	}
	a.touch(ctx, *cred)
	return Identity{Account: acct.ID, Credential: cred.ID, Login: addr.String(), ChangeSeq: acct.ChangeSeq}, nil
}

func loginKey(a mail.Address) string { return address.Key(a.Local) + "@" + a.Domain }

// lookUp gives the account and its credentials; none when there is no such
// account, which the caller must not be able to tell from a wrong password.
func (a *Authenticator) lookUp(ctx context.Context, addr mail.Address, addrErr error) (mail.AccountRecord, []mail.CredentialRecord, error) {
	if addrErr != nil {
		return mail.AccountRecord{}, nil, nil
	}
	acct, creds, err := a.directory.LoginCredentials(ctx, addr)
	switch {
	case mail.Is(err, mail.CodeNotFound):
		return mail.AccountRecord{}, nil, nil
	case err != nil:
		return acct, nil, mail.Wrap(mail.CodeUnavailable, err, "temporary authentication failure")
	case acct.Deleted:
		return mail.AccountRecord{}, nil, nil
	}
	return acct, creds, nil
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
		return nil, mail.Wrap(mail.CodeUnavailable, err, "temporary authentication failure")
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

// touch notes the use; a log-in does not fail for it.
func (a *Authenticator) touch(ctx context.Context, c mail.CredentialRecord) {
	if a.now().Sub(c.LastUsedAt) < touchEvery {
		return
	}
	if err := a.directory.TouchCredential(ctx, c.ID); err != nil && !errors.Is(err, context.Canceled) {
		a.log.Warn("use of a credential not noted", "credential", int64(c.ID), "error", err)
	}
}
