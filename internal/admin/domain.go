package admin

import (
	"context"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Domain is a mail domain as it is shown.
type Domain struct {
	Name      string    `json:"name"`  // U-labels
	ASCII     string    `json:"ascii"` // A-labels, as in DNS
	CreatedAt time.Time `json:"created_at"`
	Accounts  int64     `json:"accounts"`
	Aliases   int64     `json:"aliases"`
	CatchAll  []string  `json:"catch_all,omitempty"`
	DKIM      []DKIMKey `json:"dkim"`
}

func showDomain(d mail.DomainListing) Domain {
	out := Domain{Name: address.DisplayDomain(d.Name), ASCII: d.Name, CreatedAt: d.CreatedAt,
		Accounts: d.Accounts, Aliases: d.Aliases, CatchAll: shown(d.CatchAll), DKIM: []DKIMKey{}}
	for _, k := range d.Keys {
		out.DKIM = append(out.DKIM, showKey(k))
	}
	return out
}

// CreateDomain adds a domain and makes its DKIM keys, RSA and Ed25519. Only
// the instance's administrator may: whoever receives mail for a domain here
// can have certificates and passwords for it elsewhere.
func (a *Admin) CreateDomain(ctx context.Context, name string) (Domain, error) {
	d, err := domainName(name)
	if err != nil {
		return Domain{}, err
	}
	key, err := a.key()
	if err != nil {
		return Domain{}, err
	}
	keys, err := a.makeKeys(d, key, nil)
	if err != nil {
		return Domain{}, err
	}
	made, err := a.Store.CreateDomain(ctx, a.Actor, d, keys, key.Fingerprint())
	if err != nil {
		return Domain{}, err
	}
	return showDomain(mail.DomainListing{DomainRecord: made, Keys: keys}), nil
}

// Domains lists all domains by name.
func (a *Admin) Domains(ctx context.Context) ([]Domain, error) {
	ds, err := a.Store.Domains(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Domain, len(ds))
	for i, d := range ds {
		out[i] = showDomain(d)
	}
	return out, nil
}

// Domain shows one domain.
func (a *Admin) Domain(ctx context.Context, name string) (Domain, error) {
	d, err := domainName(name)
	if err != nil {
		return Domain{}, err
	}
	if _, err := a.Store.Domain(ctx, d); err != nil {
		return Domain{}, err
	}
	all, err := a.Store.Domains(ctx)
	if err != nil {
		return Domain{}, err
	}
	for _, l := range all {
		if l.Name == d {
			return showDomain(l), nil
		}
	}
	return Domain{}, mail.Errorf(mail.CodeNotFound, "domain %s was just deleted", address.DisplayDomain(d))
}

// DeleteDomain removes a domain that no account and no queued mail needs.
func (a *Admin) DeleteDomain(ctx context.Context, name string) error {
	d, err := domainName(name)
	if err != nil {
		return err
	}
	return a.Store.DeleteDomain(ctx, a.Actor, d)
}

// postmasterSetting is store.SettingPostmaster: admin knows the store by its
// methods only.
const postmasterSetting = "postmaster"

// SetPostmaster names who gets the mail of postmaster@ and abuse@ where nobody
// else does; "" lets the oldest account get it.
func (a *Admin) SetPostmaster(ctx context.Context, target string) error {
	if target == "" {
		return a.Store.SetSetting(ctx, a.Actor, postmasterSetting, nil)
	}
	to, err := mailAddress(target)
	if err != nil {
		return err
	}
	if err := a.leadsSomewhere(ctx, to); err != nil {
		return err
	}
	return a.Store.SetSetting(ctx, a.Actor, postmasterSetting, to.String())
}

// Postmaster gives what SetPostmaster set; "" when nothing.
func (a *Admin) Postmaster(ctx context.Context) (string, error) {
	var s string
	_, err := a.Store.Setting(ctx, postmasterSetting, &s)
	return s, err
}
