package admin

import (
	"context"
	"strconv"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// suppressDays is how long a recipient added by hand is suppressed.
const suppressDays = 30

// Suppression is a recipient that submissions may not name, as it is shown.
type Suppression struct {
	Address   string    `json:"address"`
	Reason    string    `json:"reason"`
	ID        string    `json:"id,omitempty"` // queue id of the message that bounced
	Since     time.Time `json:"since"`
	ExpiresAt time.Time `json:"expires_at"`
}

func showSuppression(x mail.Suppression) Suppression {
	out := Suppression{Address: address.Display(x.Address), Reason: x.Reason, Since: x.CreatedAt, ExpiresAt: x.ExpiresAt}
	if x.Trace != 0 {
		out.ID = x.Trace.String()
	}
	return out
}

// Suppressions lists those in force, newest first, of one domain or ("") all.
func (a *Admin) Suppressions(ctx context.Context, domain string) ([]Suppression, error) {
	if domain != "" {
		d, err := domainName(domain)
		if err != nil {
			return nil, err
		}
		domain = d
	}
	all, err := a.Store.Suppressions(ctx, domain)
	if err != nil {
		return nil, err
	}
	out := make([]Suppression, len(all))
	for i, x := range all {
		out[i] = showSuppression(x)
	}
	return out, nil
}

// AddSuppression suppresses a recipient for a number of days ("": 30).
func (a *Admin) AddSuppression(ctx context.Context, addr, reason, days string) (Suppression, error) {
	m, err := mailAddress(addr)
	if err != nil {
		return Suppression{}, err
	}
	if reason, err = displayName(reason); err != nil {
		return Suppression{}, err
	}
	n := suppressDays
	if days = strings.TrimSuffix(strings.TrimSpace(days), "d"); days != "" {
		if n, err = strconv.Atoi(days); err != nil || n < 1 || n > 36500 {
			return Suppression{}, &mail.Error{Code: mail.CodeInvalid, Text: quoted(days) + " is no number of days", Hint: "write it as 30 or 365"}
		}
	}
	if reason == "" {
		reason = "added by " + string(a.Actor)
	}
	x := mail.Suppression{Address: m, Reason: reason, CreatedAt: a.Now(), ExpiresAt: a.Now().AddDate(0, 0, n)}
	return showSuppression(x), a.Store.AddSuppression(ctx, a.Actor, x)
}

// RemoveSuppression lets a recipient be written to again.
func (a *Admin) RemoveSuppression(ctx context.Context, addr string) error {
	m, err := mailAddress(addr)
	if err != nil {
		return err
	}
	return a.Store.RemoveSuppression(ctx, a.Actor, m)
}
