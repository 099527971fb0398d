package sasltest

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"postroom/internal/auth"
	"postroom/internal/mail"
	"postroom/internal/oidc"
)

// Password is alice's chosen password.
const Password = "s3cret-password"

// The accounts of a Room.
const (
	Alice mail.AccountID = 7 // alice@ and a.lias@example.test: a password, two app passwords
	Bob   mail.AccountID = 8 // bob@example.test: nothing to log in with
	Carol mail.AccountID = 9 // carol@example.test: disabled, with an app password
)

// Room is a directory with accounts and all that can verify them.
type Room struct {
	*auth.Authenticator
	Directory *Directory
	Issuer    *Issuer
	Authority *Authority
	Apps      [2]string // alice's app passwords, credentials 2 and 3
	CarolApp  string
}

// hash is made once: argon2id takes its time.
var hash = sync.OnceValues(func() (string, error) { return auth.HashPassword(Password) })

// NewRoom makes a Room; c may change its Authenticator.
func NewRoom(t testing.TB, c ...func(*auth.Config)) *Room {
	t.Helper()
	phc, err := hash()
	if err != nil {
		t.Fatal(err)
	}
	r := &Room{Directory: &Directory{}, Issuer: NewIssuer(t), Authority: NewAuthority(t)}
	d := r.Directory
	d.Add(Alice, "alice@example.test", "a.lias@example.test")
	d.Add(Bob, "bob@example.test")
	d.Add(Carol, "carol@example.test")
	keys := auth.ScramKeys(Password, d.Factors(Alice))
	d.Change(Alice, func(_ *mail.AccountRecord, c *[]mail.CredentialRecord) {
		*c = append(*c, mail.CredentialRecord{ID: 1, Account: Alice, Kind: mail.CredentialPassword, Hash: phc, Scram: keys})
	})
	r.Apps = [2]string{d.AddApp(Alice, 2), d.AddApp(Alice, 3)}
	r.CarolApp = d.AddApp(Carol, 4)
	d.Change(Carol, func(a *mail.AccountRecord, _ *[]mail.CredentialRecord) { a.Disabled = true })
	cfg := auth.Config{ExemptPeer: netip.Addr.IsLoopback, Sleep: func(context.Context, time.Duration) error { return nil },
		Tokens: oidc.New(oidc.Config{Issuer: r.Issuer.URL, Audience: Audience, Claim: "email", Transport: r.Issuer.Transport})}
	for _, f := range c {
		f(&cfg)
	}
	r.Authenticator = auth.New(cfg, d, slog.New(slog.DiscardHandler))
	return r
}
