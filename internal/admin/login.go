package admin

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// LoginStore keeps the history of log-ins.
type LoginStore interface {
	Logins(ctx context.Context, acct mail.AccountID, f mail.LoginFilter) ([]mail.Login, error)
}

// Login is a row of an account's history as it is shown: Count log-ins that
// were alike, of one day.
type Login struct {
	Result     string    `json:"result"` // ok, or the log's reason
	Protocol   string    `json:"protocol"`
	Mechanism  string    `json:"mechanism"`
	Credential string    `json:"credential"`        // password, an app password's label, token, certificate; "" of a failure
	Network    string    `json:"network,omitempty"` // "" : of several
	Peer       string    `json:"peer"`              // of the last, as all below
	Client     string    `json:"client,omitempty"`
	TLS        string    `json:"tls,omitempty"`
	Count      int       `json:"count"`
	FirstAt    time.Time `json:"first_at"`
	LastAt     time.Time `json:"last_at"`
}

func showLogin(l mail.Login) Login {
	out := Login{Result: l.Reason, Protocol: l.Protocol, Mechanism: l.Mechanism, Peer: l.Peer.String(), Client: l.Client,
		TLS: l.TLS, Count: l.Count, FirstAt: l.FirstAt, LastAt: l.LastAt}
	if l.Network != mail.AnyNetwork {
		out.Network = l.Network.String()
	}
	if l.Reason == "" {
		out.Result, out.Credential = "ok", credentialName(l)
	}
	return out
}

// credentialName says what proved who it was. A chosen password has no label.
func credentialName(l mail.Login) string {
	switch {
	case l.Label != "":
		return l.Label
	case l.Credential != 0:
		return "password"
	case l.Mechanism == "EXTERNAL":
		return "certificate"
	}
	return "token"
}

// Logins gives the log-ins of an account, newest first: those that failed, or
// all.
func (a *Admin) Logins(ctx context.Context, addr string, f mail.LoginFilter) ([]Login, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return nil, err
	}
	all, err := a.Store.Logins(ctx, id, f)
	if err != nil {
		return nil, err
	}
	out := make([]Login, len(all))
	for i, l := range all {
		out[i] = showLogin(l)
	}
	return out, nil
}
