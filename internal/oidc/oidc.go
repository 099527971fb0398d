// Package oidc verifies bearer tokens of one OpenID Connect issuer: JSON Web
// Tokens that the issuer has signed for our audience and that name an address.
// What it must know of the issuer it fetches when it is first needed, keeps
// for an hour, and never fetches more often than every ten seconds, whatever
// clients send.
package oidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Config says whose tokens are taken. Issuer, Audience and Claim are needed.
type Config struct {
	Issuer   string // URL, exactly as the issuer writes it into tokens
	Audience string // that must be among a token's
	Claim    string // that holds the address; "email" must not be unverified
	Log      *slog.Logger
	// Transport reaches the issuer; nil: http.DefaultTransport.
	Transport http.RoundTripper
	Now       func() time.Time // time.Now when nil
}

// keysFor is how long the issuer's metadata and keys are believed: a key that
// it has withdrawn is of no use after that.
const keysFor = time.Hour

// Issuer verifies tokens. It is safe for concurrent use.
type Issuer struct {
	cfg    Config
	client *http.Client

	mu    sync.Mutex
	known *provider // nil before the first answer
}

// New makes an Issuer. Nothing is fetched yet: that the issuer is down keeps no
// server from starting.
func New(c Config) *Issuer {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	return &Issuer{cfg: c, client: newClient(c.Transport, c.Now)}
}

// Discovery is the URL of the issuer's metadata (RFC 7628 §3.2.2).
func (i *Issuer) Discovery() string {
	return strings.TrimSuffix(i.cfg.Issuer, "/") + "/.well-known/openid-configuration"
}

var (
	errBad     = mail.Errorf(mail.CodeBadCredentials, "authentication failed")
	errExpired = mail.Errorf(mail.CodeExpired, "the token has expired")
)

// Verify gives the address that a token names. Errors are *mail.Error:
// CodeBadCredentials, CodeExpired when the issuer did sign it, CodeUnavailable
// when the issuer's keys cannot be had.
func (i *Issuer) Verify(ctx context.Context, token string) (mail.Address, error) {
	p, err := i.provider(ctx)
	if err != nil {
		return mail.Address{}, i.down(err)
	}
	t, err := p.verify(ctx, token)
	if errors.Is(err, errUnknownKey) {
		// The issuer may have a new key.
		if p, err = i.renewed(ctx, p); err != nil {
			return mail.Address{}, i.down(err)
		}
		t, err = p.verify(ctx, token)
	}
	var expired *goidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return mail.Address{}, errExpired
	case err != nil:
		i.cfg.Log.Debug("token refused", "error", err)
		return mail.Address{}, errBad
	}
	return i.named(t)
}

// down tells the administrator, once per fetch that failed.
func (i *Issuer) down(err error) error {
	if !errors.Is(err, errAgain) && !errors.Is(err, context.Canceled) {
		i.cfg.Log.Warn("the OIDC issuer cannot be asked; tokens are refused for now", "issuer", i.cfg.Issuer, "error", err)
	}
	return mail.Wrap(mail.CodeUnavailable, err, "temporary authentication failure")
}

// named reads the claim.
func (i *Issuer) named(t *goidc.IDToken) (mail.Address, error) {
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return mail.Address{}, errBad
	}
	if v, there := claims["email_verified"]; i.cfg.Claim == "email" && there && v != true && v != "true" {
		return mail.Address{}, errBad
	}
	text, _ := claims[i.cfg.Claim].(string)
	addr, err := address.Parse(text)
	if err != nil {
		return mail.Address{}, errBad
	}
	return addr, nil
}

// provider gives what is known of the issuer, asking when that is too old.
func (i *Issuer) provider(ctx context.Context) (*provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known != nil && i.cfg.Now().Before(i.known.expires) {
		return i.known, nil
	}
	// The answer serves everybody who waits: it does not end with one client.
	p, err := i.discover(context.WithoutCancel(ctx))
	if err == nil {
		i.known = p
	}
	return p, err
}

// renewed gives the issuer with the keys that it has now.
func (i *Issuer) renewed(ctx context.Context, p *provider) (*provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys, err := i.keys(context.WithoutCancel(ctx), p.keysURL)
	if err != nil {
		return nil, err
	}
	next := *p
	next.keys = keys
	i.known = &next
	return &next, nil
}
