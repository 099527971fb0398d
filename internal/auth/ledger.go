package auth

import (
	"context"
	"net/netip"
	"time"

	"postroom/internal/mail"
)

// Ledger is what auth shares with the other servers; store.Store is one.
type Ledger interface {
	// LoginState gives the failures that count for an account (0: nobody's) in
	// a network, and whether the account is known there.
	LoginState(ctx context.Context, acct mail.AccountID, network netip.Prefix) (mail.LoginState, error)
	// AddLoginFailures adds to counters, and clears others before.
	AddLoginFailures(ctx context.Context, add map[mail.LoginCounter]int, clear []mail.LoginCounter) error
	// RecordLogins adds to the history.
	RecordLogins(ctx context.Context, all []mail.Login) error
}

// learn takes over what all servers know about an attempt: one look-up, before
// anything costly.
func (a *Authenticator) learn(ctx context.Context, k try) error {
	if a.book == nil {
		return nil
	}
	network := mail.LoginCounter{Network: k.network}
	account := mail.LoginCounter{Account: k.account, Network: mail.AnyNetwork}
	pair := mail.LoginCounter{Account: k.account, Network: k.network}
	mine := a.book.unsaved(network, account, pair)
	st, err := a.book.ledger.LoginState(ctx, k.account, k.network)
	if err != nil {
		return unavailable(err)
	}
	take := func(into func(string, int, time.Duration), key string, c mail.LoginCounter) {
		f := st.Counters[c]
		if mine[c] > 0 {
			f.Age = 0
		}
		into(key, f.Failures+mine[c], max(0, f.Age))
	}
	take(a.throttle.networks.Raise, k.network.String(), network)
	if k.account != 0 {
		take(a.throttle.accounts.Raise, k.key(), account)
		take(a.throttle.accounts.Set, k.pair(), pair) // it may have been forgiven elsewhere
	}
	if st.Known && st.SeenDays < knownDays {
		a.throttle.know(k, time.Duration(knownDays-st.SeenDays)*24*time.Hour)
	} else if !a.throttle.isKnown(k) {
		a.throttle.strange(k)
	}
	return nil
}
