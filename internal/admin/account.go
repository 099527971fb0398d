package admin

import (
	"context"
	"slices"
	"strconv"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// The states of an account as they are shown.
const (
	StateActive   = "active"
	StateDisabled = "disabled"
	StateDeleted  = "deleted"
)

// Account is an account as it is shown.
type Account struct {
	Address       string     `json:"address"`
	Name          string     `json:"name,omitempty"`
	State         string     `json:"state"`
	Addresses     []string   `json:"addresses"` // all of its own, the primary one first
	QuotaBytes    int64      `json:"quota_bytes"`
	QuotaMessages int64      `json:"quota_messages"`
	IMAPWithout   []string   `json:"imap_without,omitempty"`
	UsedBytes     int64      `json:"used_bytes"`
	HeldBytes     int64      `json:"held_bytes"` // expunged, still restorable
	Messages      int64      `json:"messages"`
	HasPassword   bool       `json:"has_password"`
	AppPasswords  int        `json:"app_passwords"`
	Admin         bool       `json:"admin"` // may set the quotas of others
	CreatedAt     time.Time  `json:"created_at"`
	DisabledAt    *time.Time `json:"disabled_at,omitempty"`
	DeletedAt     *time.Time `json:"deleted_at,omitempty"`
	// Password is the one that was generated; shown once.
	Password string `json:"password,omitempty"`
}

func showAccount(l mail.AccountListing) Account {
	out := Account{Address: address.Display(l.Address), Name: l.Name, State: StateActive, Addresses: shown(l.Addresses),
		QuotaBytes: l.QuotaBytes, QuotaMessages: l.QuotaMessages, IMAPWithout: l.IMAPWithout, UsedBytes: l.Usage.LiveBytes, HeldBytes: l.Usage.HeldBytes, Messages: l.Usage.Messages,
		HasPassword: l.HasPassword, AppPasswords: l.Apps, Admin: l.Admin,
		CreatedAt: l.CreatedAt, DisabledAt: at(l.DisabledAt), DeletedAt: at(l.DeletedAt)}
	switch {
	case l.Deleted:
		out.State = StateDeleted
	case l.Disabled:
		out.State = StateDisabled
	}
	return out
}

// AccountArgs is what CreateAccount takes.
type AccountArgs struct {
	Address  string
	Name     string
	Password string // "" with Generate or NoPassword only
	Quota    string // as ParseSize; "": none
	// Generate makes a password, which the result shows.
	Generate bool
	// NoPassword makes an account that only app passwords, or nobody, log in to.
	NoPassword bool
}

// CreateAccount makes an account.
func (a *Admin) CreateAccount(ctx context.Context, args AccountArgs) (Account, error) {
	n, password, err := a.newAccount(args)
	if err != nil {
		return Account{}, err
	}
	if n.PasswordHash != "" {
		if n.PasswordScram, err = a.scram(ctx, n.Address, password, nil); err != nil {
			return Account{}, err
		}
	}
	made, err := a.Store.CreateAccount(ctx, a.Actor, n)
	if err != nil {
		return Account{}, err
	}
	out, err := a.show(ctx, made.ID)
	if args.Generate {
		out.Password = password
	}
	return out, err
}

// newAccount checks the arguments and hashes the password.
func (a *Admin) newAccount(args AccountArgs) (n mail.NewAccount, password string, err error) {
	if n.Address, err = mailAddress(args.Address); err != nil {
		return n, "", err
	}
	if n.Name, err = displayName(args.Name); err != nil {
		return n, "", err
	}
	if n.QuotaBytes, err = ParseSize(args.Quota); err != nil {
		return n, "", err
	}
	password = args.Password
	switch {
	case args.NoPassword:
		return n, "", nil
	case args.Generate:
		password = a.generatePassword()
	}
	n.PasswordHash, err = a.hash(password)
	return n, password, err
}

func (a *Admin) show(ctx context.Context, id mail.AccountID) (Account, error) {
	l, err := a.Store.AccountListing(ctx, id)
	return showAccount(l), err
}

// Accounts lists accounts, of one domain or ("") all; those in the restore
// window too when deleted is set.
func (a *Admin) Accounts(ctx context.Context, domain string, deleted bool) ([]Account, error) {
	f := mail.AccountFilter{Deleted: deleted}
	if domain != "" {
		d, err := domainName(domain)
		if err != nil {
			return nil, err
		}
		if _, err := a.Store.Domain(ctx, d); err != nil {
			return nil, err
		}
		f.Domain = d
	}
	all, err := a.Store.Accounts(ctx, f)
	if err != nil {
		return nil, err
	}
	out := make([]Account, len(all))
	for i, l := range all {
		out[i] = showAccount(l)
	}
	return out, nil
}

// Account shows one account, found by any of its addresses.
func (a *Admin) Account(ctx context.Context, addr string) (Account, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return Account{}, err
	}
	return a.show(ctx, id)
}

func (a *Admin) accountID(ctx context.Context, addr string) (mail.AccountID, error) {
	m, err := mailAddress(addr)
	if err != nil {
		return 0, err
	}
	acct, err := a.Store.AccountByAddress(ctx, m)
	return acct.ID, err
}

// RenameAccount makes another address the primary one; the old one stays an
// address of the account unless dropOld is set.
func (a *Admin) RenameAccount(ctx context.Context, addr, to string, dropOld bool) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		m, err := mailAddress(to)
		if err != nil {
			return err
		}
		return a.Store.RenameAccount(ctx, a.Actor, id, m, dropOld)
	})
}

// SetName changes the display name.
func (a *Admin) SetName(ctx context.Context, addr, name string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		name, err := displayName(name)
		if err != nil {
			return err
		}
		return a.Store.SetAccountName(ctx, a.Actor, id, name)
	})
}

// SetQuota changes the quota: "5G", "500M", "none".
func (a *Admin) SetQuota(ctx context.Context, addr, quota string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		n, err := ParseSize(quota)
		if err != nil {
			return err
		}
		return a.Store.SetQuota(ctx, a.Actor, id, n)
	})
}

// SetMessageQuota changes the quota of messages: a number, "none".
func (a *Admin) SetMessageQuota(ctx context.Context, addr, quota string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		var n int64
		var err error
		if quota != "none" {
			if n, err = strconv.ParseInt(quota, 10, 64); err != nil || n <= 0 {
				return mail.Errorf(mail.CodeInvalid, "%q is no number of messages: 100000, none", quota)
			}
		}
		return a.Store.SetMessageQuota(ctx, a.Actor, id, n)
	})
}

// SetQuotas replaces both quotas, in octets and messages; 0 is none. It is done by an
// account, which must be an administrator's.
func (a *Admin) SetQuotas(ctx context.Context, by mail.AccountID, addr string, octets, messages int64) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		return a.Store.SetQuotas(ctx, a.Actor, by, id, octets, messages)
	})
}

// SetAdmin makes an account an administrator's, or no longer.
func (a *Admin) SetAdmin(ctx context.Context, addr string, admin bool) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error { return a.Store.SetAccountAdmin(ctx, a.Actor, id, admin) })
}

// SetIMAPWithout leaves IMAP capabilities out for an account: each NAME, or
// NAME:client for programs that call themselves so; "none" alone gives all back.
func (a *Admin) SetIMAPWithout(ctx context.Context, addr string, names []string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		var list []string
		if len(names) != 1 || names[0] != "none" {
			for _, n := range names {
				name, err := a.capability(n)
				if err != nil {
					return err
				}
				list = append(list, name)
			}
		}
		slices.Sort(list)
		return a.Store.SetIMAPWithout(ctx, a.Actor, id, slices.Compact(list))
	})
}

func (a *Admin) capability(name string) (string, error) {
	if a.Capability != nil {
		if known, err := a.Capability(name); err == nil {
			return known, nil
		}
	}
	return "", &mail.Error{Code: mail.CodeInvalid, Text: quoted(name) + " is no IMAP capability that can be left out",
		Hint: "give names as CAPABILITY lists them, NOTIFY or NOTIFY:outlook, or none"}
}

// Disable stops an account's mail and log-in and ends its sessions.
func (a *Admin) Disable(ctx context.Context, addr string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error { return a.Store.DisableAccount(ctx, a.Actor, id) })
}

// Enable undoes Disable.
func (a *Admin) Enable(ctx context.Context, addr string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error { return a.Store.EnableAccount(ctx, a.Actor, id) })
}

// Delete hides an account; Undelete brings it back within the restore window.
func (a *Admin) Delete(ctx context.Context, addr string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error { return a.Store.DeleteAccount(ctx, a.Actor, id) })
}

// Undelete undoes Delete.
func (a *Admin) Undelete(ctx context.Context, addr string) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error { return a.Store.UndeleteAccount(ctx, a.Actor, id) })
}

// AddAddress gives an account one more address.
func (a *Admin) AddAddress(ctx context.Context, addr, more string) (Account, error) {
	return a.withAddress(ctx, addr, more, a.Store.AddAddress)
}

// RemoveAddress takes an address away that is not the primary one.
func (a *Admin) RemoveAddress(ctx context.Context, addr, less string) (Account, error) {
	return a.withAddress(ctx, addr, less, a.Store.RemoveAddress)
}

func (a *Admin) withAddress(ctx context.Context, addr, other string,
	f func(context.Context, mail.Actor, mail.AccountID, mail.Address) error) (Account, error) {
	return a.onAccount(ctx, addr, func(id mail.AccountID) error {
		m, err := mailAddress(other)
		if err != nil {
			return err
		}
		return f(ctx, a.Actor, id, m)
	})
}

// onAccount finds an account, changes it and shows what it is now.
func (a *Admin) onAccount(ctx context.Context, addr string, f func(mail.AccountID) error) (Account, error) {
	id, err := a.accountID(ctx, addr)
	if err != nil {
		return Account{}, err
	}
	if err := f(id); err != nil {
		return Account{}, err
	}
	return a.show(ctx, id)
}
