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
	// ScramSecret gives the 32 octets that Factors are derived from: the same
	// on every node, for as long as the database lives.
	ScramSecret(ctx context.Context) ([]byte, error)
}

// Identity is who logged in.
type Identity struct {
	Account    mail.AccountID
	Credential mail.CredentialID // 0: by a token or a certificate, which are kept elsewhere
	Login      string            // the address given, normalised
	Admin      bool              // the account was an administrator's at the log-in
	ChangeSeq  int64             // of the account: a greater one means that rights must be reread
	// NewNetwork tells that the account was not in from this network in the last
	// 30 days, as far as a Ledger knows.
	NewNetwork bool
	// IMAPWithout is what the account's IMAP sessions do not get, as of ChangeSeq.
	IMAPWithout []string
}

// Config has a useful zero value.
type Config struct {
	// ExemptPeer names addresses without limits of their own, because many
	// people stand behind them (a container's gateway) or by configuration
	// (lift_limits). The limits per account stay.
	ExemptPeer func(netip.Addr) bool
	// Hashes runs at most so many argon2id at once, 19 MiB each; 0: one per CPU.
	Hashes int
	// WithoutScram keeps SCRAM from being offered: a program that picks it by
	// itself fails with a password that has no keys.
	WithoutScram bool
	// ScramForPasswords lets SCRAM use the keys of chosen passwords too, not
	// only those of app passwords.
	ScramForPasswords bool
	// Tokens verifies bearer tokens; nil: none are taken.
	Tokens TokenVerifier
	// Ledger shares failures and the history with other servers (Run); nil: the
	// failures are counted here, and no history is kept.
	Ledger Ledger
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
	directory    Directory
	log          *slog.Logger
	throttle     *throttle
	book         *book // nil without a Ledger
	cache        *cache
	hashes       *semaphore.Weighted
	verify       func(phc, password string) (bool, error)
	dummy        string // PHC hash that unknown users are measured against
	now          func() time.Time
	tokens       TokenVerifier
	withoutScram bool
	forChosen    bool   // SCRAM with chosen passwords
	secret       secret // of the factors
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
		directory: d, log: log, throttle: newThrottle(c), book: newBook(c.Ledger, log), now: c.Now,
		tokens: c.Tokens, withoutScram: c.WithoutScram, forChosen: c.ScramForPasswords,
		cache:  newCache(cacheSize, c.CacheFor, c.Now),
		hashes: semaphore.NewWeighted(int64(c.Hashes)),
		verify: checkPHC,
		dummy:  encodePHC(defaultParams, make([]byte, 16), make([]byte, 32)),
	}
}

var (
	errBad       = mail.Errorf(mail.CodeBadCredentials, "authentication failed")
	errThrottled = mail.Errorf(mail.CodeThrottled, "too many failed log-ins, try again later")
)

// attempt is one log-in under way.
type attempt struct {
	try
	addr mail.Address // zero when the login is none
	err  error        // of reading it
}

func newAttempt(login string, peer netip.Addr) attempt {
	addr, err := address.Parse(login)
	t := attempt{try: try{peer: peer, network: Network(peer)}, addr: addr, err: err}
	if t.login = loginKey(addr); err != nil {
		// Nobody's name: one key for all of these would be everybody's.
		t.login = t.network.String()
	}
	return t
}

func loginKey(a mail.Address) string { return address.Key(a.Local) + "@" + a.Domain }

// open begins an attempt: it finds the account and its credentials, as lookUp
// does, and holds the attempt back for as long as earlier failures ask for.
func (a *Authenticator) open(ctx context.Context, t *attempt) (mail.AccountRecord, []mail.CredentialRecord, error) {
	if a.throttle.hopeless(t.try) {
		return mail.AccountRecord{}, nil, errThrottled
	}
	acct, creds, err := a.lookUp(ctx, *t)
	if err != nil {
		return acct, nil, err
	}
	t.account = acct.ID
	if err := a.learn(ctx, t.try); err != nil {
		return acct, nil, err
	}
	waited, ok, err := a.throttle.wait(ctx, t.try)
	switch {
	case err != nil:
		return acct, nil, unavailable(err)
	case !ok:
		return acct, nil, errThrottled
	case waited > 0: // what was revoked meanwhile is of no use
		return a.lookUp(ctx, *t)
	}
	return acct, creds, nil
}

func unavailable(err error) error {
	return mail.Wrap(mail.CodeUnavailable, err, "temporary authentication failure")
}

// bad counts a guess and gives the answer to it.
func (a *Authenticator) bad(t attempt) error {
	a.book.fail(a.throttle.fail(t.try))
	return errBad
}

// admit ends an attempt that proved who it is; cred is nil when the proof is
// not one of the account's credentials.
func (a *Authenticator) admit(ctx context.Context, t attempt, acct mail.AccountRecord, cred *mail.CredentialRecord) (Identity, error) {
	known := a.book == nil || a.throttle.isKnown(t.try)
	if a.throttle.succeed(t.try) {
		a.book.clear(mail.LoginCounter{Account: t.account, Network: t.network})
	}
	if acct.Disabled {
		return Identity{}, mail.Errorf(mail.CodeAccountDisabled, "account disabled")
	}
	id := Identity{Account: acct.ID, Login: t.addr.String(), Admin: acct.Admin, ChangeSeq: acct.ChangeSeq, NewNetwork: !known,
		IMAPWithout: acct.IMAPWithout}
	if cred != nil {
		a.touch(ctx, *cred)
		id.Credential = cred.ID
	}
	return id, nil
}

// lookUp gives the account and its credentials; none when there is no such
// account, which the caller must not be able to tell from a wrong password.
func (a *Authenticator) lookUp(ctx context.Context, t attempt) (mail.AccountRecord, []mail.CredentialRecord, error) {
	if t.err != nil {
		return mail.AccountRecord{}, nil, nil
	}
	acct, creds, err := a.directory.LoginCredentials(ctx, t.addr)
	switch {
	case mail.Is(err, mail.CodeNotFound):
		return mail.AccountRecord{}, nil, nil
	case err != nil:
		return acct, nil, unavailable(err)
	case acct.Deleted:
		return mail.AccountRecord{}, nil, nil
	}
	return acct, creds, nil
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
