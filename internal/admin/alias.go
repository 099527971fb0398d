package admin

import (
	"context"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Alias is an alias as it is shown. The catch-all's address is "*@domain".
type Alias struct {
	Address   string    `json:"address"`
	Targets   []string  `json:"targets"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

func showAlias(a mail.Alias) Alias {
	local := a.Local
	if local == "" {
		local = "*"
	}
	return Alias{Address: local + "@" + address.DisplayDomain(a.Domain), Targets: shown(a.Targets), CreatedAt: a.CreatedAt}
}

// aliasAddress reads the address of an alias; "@domain" and "*@domain" are the
// catch-all.
func aliasAddress(s string) (mail.Address, error) {
	if d, ok := strings.CutPrefix(strings.TrimPrefix(s, "*"), "@"); ok {
		domain, err := domainName(d)
		return mail.Address{Domain: domain}, err
	}
	return mailAddress(s)
}

// aliasTargets reads targets and refuses the same one twice.
func aliasTargets(targets []string) ([]mail.Address, error) {
	var out []mail.Address
	for _, t := range targets {
		m, err := mailAddress(t)
		if err != nil {
			return nil, err
		}
		for _, o := range out {
			if address.Same(o, m) {
				return nil, mail.Errorf(mail.CodeInvalid, "%s is there twice", address.Display(m))
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// CreateAlias makes an alias that leads to the targets, here or outside.
func (a *Admin) CreateAlias(ctx context.Context, addr string, targets []string) (Alias, error) {
	return a.setAlias(ctx, addr, targets, false)
}

// SetAliasTargets replaces where an alias leads.
func (a *Admin) SetAliasTargets(ctx context.Context, addr string, targets []string) (Alias, error) {
	at, err := aliasAddress(addr)
	if err != nil {
		return Alias{}, err
	}
	if _, err := a.Store.Alias(ctx, at); err != nil {
		return Alias{}, err
	}
	return a.setAlias(ctx, addr, targets, true)
}

func (a *Admin) setAlias(ctx context.Context, addr string, targets []string, replace bool) (Alias, error) {
	from, err := aliasAddress(addr)
	if err != nil {
		return Alias{}, err
	}
	to, err := aliasTargets(targets)
	if err != nil {
		return Alias{}, err
	}
	if len(to) == 0 {
		return Alias{}, mail.Errorf(mail.CodeInvalid, "an alias needs a target")
	}
	for _, t := range to {
		if err := a.leadsSomewhere(ctx, t); err != nil {
			return Alias{}, err
		}
		if len(to) == 1 && address.Same(t, from) {
			return Alias{}, mail.Errorf(mail.CodeInvalid, "an alias cannot lead to itself")
		}
	}
	al := mail.Alias{Local: from.Local, Domain: from.Domain, Targets: to}
	if err := a.Store.SetAlias(ctx, a.Actor, al, replace); err != nil {
		return Alias{}, err
	}
	al, err = a.Store.Alias(ctx, from)
	return showAlias(al), err
}

// leadsSomewhere refuses a target in a domain of ours that nobody has: a typing
// error would lose mail, or bounce it, later.
func (a *Admin) leadsSomewhere(ctx context.Context, t mail.Address) error {
	r, err := a.Store.ResolveRecipient(ctx, t)
	if err != nil {
		return err
	}
	if r.Kind == mail.ResolvedUnknown {
		return &mail.Error{Code: mail.CodeNotFound, Text: "nobody here has the address " + address.Display(t),
			Hint: "create the account or alias it shall lead to first"}
	}
	return nil
}

// Aliases lists the aliases of one domain or ("") of all.
func (a *Admin) Aliases(ctx context.Context, domain string) ([]Alias, error) {
	if domain != "" {
		d, err := domainName(domain)
		if err != nil {
			return nil, err
		}
		if _, err := a.Store.Domain(ctx, d); err != nil {
			return nil, err
		}
		domain = d
	}
	all, err := a.Store.Aliases(ctx, domain)
	if err != nil {
		return nil, err
	}
	out := make([]Alias, len(all))
	for i, al := range all {
		out[i] = showAlias(al)
	}
	return out, nil
}

// Alias shows one alias.
func (a *Admin) Alias(ctx context.Context, addr string) (Alias, error) {
	m, err := aliasAddress(addr)
	if err != nil {
		return Alias{}, err
	}
	al, err := a.Store.Alias(ctx, m)
	return showAlias(al), err
}

// RenameAlias moves an alias; keepOld lets the old address lead to the new.
func (a *Admin) RenameAlias(ctx context.Context, from, to string, keepOld bool) (Alias, error) {
	f, err := mailAddress(from)
	if err != nil {
		return Alias{}, err
	}
	t, err := mailAddress(to)
	if err != nil {
		return Alias{}, err
	}
	if err := a.Store.RenameAlias(ctx, a.Actor, f, t, keepOld); err != nil {
		return Alias{}, err
	}
	return a.Alias(ctx, to)
}

// DeleteAlias removes an alias or catch-all.
func (a *Admin) DeleteAlias(ctx context.Context, addr string) error {
	m, err := aliasAddress(addr)
	if err != nil {
		return err
	}
	return a.Store.DeleteAlias(ctx, a.Actor, m)
}
