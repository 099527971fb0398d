package main

import (
	"fmt"
	"strings"

	"postroom/internal/admin"
)

type accountCmd struct {
	Add           accountAddCmd           `cmd:"" help:"Add an account; its password is typed, or read from stdin."`
	Import        accountImportCmd        `cmd:"" help:"Add many accounts from a CSV file: address,name,password,quota."`
	List          accountListCmd          `cmd:"" help:"List accounts."`
	Show          accountShowCmd          `cmd:"" help:"Show an account."`
	Rename        accountRenameCmd        `cmd:"" help:"Make another address the primary one; the old one is kept as an address of it."`
	Name          accountNameCmd          `cmd:"" help:"Change the display name."`
	Password      accountPasswordCmd      `cmd:"" help:"Change the password and end its sessions."`
	Quota         accountQuotaCmd         `cmd:"" help:"Change the quota: 5G, 500M, none."`
	Admin         accountAdminCmd         `cmd:"" help:"Let an account set the quotas of others over IMAP, or no longer: on, off."`
	IMAPWithout   accountIMAPWithoutCmd   `cmd:"" name:"imap-without" help:"Leave IMAP capabilities out for an account."`
	Limits        accountLimitsCmd        `cmd:"" help:"Show or change what an account may send."`
	Resume        accountResumeCmd        `cmd:"" help:"Let an account send again that was held as if stolen."`
	AddAddress    accountAddAddressCmd    `cmd:"" help:"Give an account one more address."`
	RemoveAddress accountRemoveAddressCmd `cmd:"" help:"Take an address away."`
	Disable       accountDisableCmd       `cmd:"" help:"Stop an account's mail and log-in and end its sessions."`
	Enable        accountEnableCmd        `cmd:"" help:"Undo disable."`
	Delete        accountDeleteCmd        `cmd:"" help:"Delete an account; undelete brings it back within the restore window."`
	Undelete      accountUndeleteCmd      `cmd:"" help:"Undo delete."`
	Logins        accountLoginsCmd        `cmd:"" help:"List who logged in, or failed to: 90 days, newest first."`
	AppPassword   appPasswordCmd          `cmd:"" help:"Passwords for single devices."`
}

// addressArg is the account that a command is about.
type addressArg struct {
	Address string `arg:"" help:"Address of the account."`
}

// onAccount does one action and prints the account as it is afterwards.
func (e *env) onAccount(done string, act func(*admin.Admin) (admin.Account, error)) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	acct, err := act(a)
	if err != nil {
		return err
	}
	return e.result(acct, func() {
		e.say("%s: %s.", acct.Address, done)
		if acct.Password != "" {
			e.fields("password", acct.Password)
		}
	})
}

type accountAddCmd struct {
	addressArg
	Name          string `help:"Display name."`
	Quota         string `help:"Most that its mailboxes hold: 5G, 500M." placeholder:"SIZE"`
	Generate      bool   `help:"Make a password and print it." xor:"password"`
	NoPassword    bool   `help:"No password: only app passwords log in." xor:"password"`
	PasswordStdin bool   `help:"Read the password from stdin, on a terminal too." xor:"password"`
}

func (c accountAddCmd) Run(e *env) error {
	args := admin.AccountArgs{Address: c.Address, Name: c.Name, Quota: c.Quota, Generate: c.Generate, NoPassword: c.NoPassword}
	if !c.Generate && !c.NoPassword {
		var err error
		if args.Password, err = e.newPassword(c.PasswordStdin, "Password of "+c.Address); err != nil {
			return err
		}
	}
	return e.onAccount("added", func(a *admin.Admin) (admin.Account, error) { return a.CreateAccount(e.ctx, args) })
}

func (e *env) newPassword(stdin bool, prompt string) (string, error) {
	if stdin {
		return readPasswordLine(e.in)
	}
	return e.readPassword(prompt)
}

type accountListCmd struct {
	Domain  string `arg:"" optional:"" help:"Only this domain."`
	Deleted bool   `help:"Also those in the restore window."`
}

func (c accountListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	accounts, err := a.Accounts(e.ctx, c.Domain, c.Deleted)
	if err != nil {
		return err
	}
	return e.result(orEmpty(accounts), func() {
		var rows [][]string
		for _, x := range accounts {
			rows = append(rows, []string{x.Address, orDash(x.Name), x.State, fmt.Sprint(x.Messages), octets(x.UsedBytes), quota(x.QuotaBytes), when(x.CreatedAt)})
		}
		e.table([]string{"account", "name", "state", "messages", "used", "quota", "since"}, rows)
	})
}

func quota(n int64) string {
	if n == 0 {
		return "none"
	}
	return octets(n)
}

func number(n int64) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

type accountShowCmd struct{ addressArg }

func (c accountShowCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	x, err := a.Account(e.ctx, c.Address)
	if err != nil {
		return err
	}
	return e.result(x, func() {
		e.fields("account", x.Address, "name", orDash(x.Name), "state", x.State, "addresses", strings.Join(x.Addresses, " "),
			"messages", fmt.Sprint(x.Messages), "used", octets(x.UsedBytes), "restorable", octets(x.HeldBytes), "quota", quota(x.QuotaBytes), "quota of messages", number(x.QuotaMessages), "IMAP without", orDash(strings.Join(x.IMAPWithout, " ")),
			"password", yesNo(x.HasPassword), "app passwords", fmt.Sprint(x.AppPasswords), "administrator", yesNo(x.Admin), "since", when(x.CreatedAt))
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type accountRenameCmd struct {
	addressArg
	To      string `arg:"" help:"New primary address."`
	DropOld bool   `help:"Give the old address up instead of keeping it."`
}

func (c accountRenameCmd) Run(e *env) error {
	return e.onAccount("renamed", func(a *admin.Admin) (admin.Account, error) { return a.RenameAccount(e.ctx, c.Address, c.To, c.DropOld) })
}

type accountNameCmd struct {
	addressArg
	Name string `arg:"" help:"Display name; may be empty."`
}

func (c accountNameCmd) Run(e *env) error {
	return e.onAccount("name changed", func(a *admin.Admin) (admin.Account, error) { return a.SetName(e.ctx, c.Address, c.Name) })
}

type accountPasswordCmd struct {
	addressArg
	Generate      bool `help:"Make a password and print it." xor:"password"`
	PasswordStdin bool `help:"Read the password from stdin, on a terminal too." xor:"password"`
}

func (c accountPasswordCmd) Run(e *env) error {
	if c.Generate {
		return e.onAccount("password changed", func(a *admin.Admin) (admin.Account, error) { return a.GeneratePassword(e.ctx, c.Address) })
	}
	password, err := e.newPassword(c.PasswordStdin, "New password of "+c.Address)
	if err != nil {
		return err
	}
	return e.onAccount("password changed", func(a *admin.Admin) (admin.Account, error) { return a.SetPassword(e.ctx, c.Address, password) })
}

type accountQuotaCmd struct {
	addressArg
	Quota    string `arg:"" help:"5G, 500M, none; with --messages a number, none."`
	Messages bool   `help:"The quota is a number of messages."`
}

func (c accountQuotaCmd) Run(e *env) error {
	return e.onAccount("quota changed", func(a *admin.Admin) (admin.Account, error) {
		if c.Messages {
			return a.SetMessageQuota(e.ctx, c.Address, c.Quota)
		}
		return a.SetQuota(e.ctx, c.Address, c.Quota)
	})
}

type accountAdminCmd struct {
	addressArg
	Switch string `arg:"" enum:"on,off" help:"on or off."`
}

func (c accountAdminCmd) Run(e *env) error {
	done := "no administrator"
	if c.Switch == "on" {
		done = "administrator"
	}
	return e.onAccount(done, func(a *admin.Admin) (admin.Account, error) { return a.SetAdmin(e.ctx, c.Address, c.Switch == "on") })
}

type accountIMAPWithoutCmd struct {
	addressArg
	Capabilities []string `arg:"" help:"All that are left out: NOTIFY, or NOTIFY:outlook for programs of that name; none."`
}

func (c accountIMAPWithoutCmd) Run(e *env) error {
	return e.onAccount("IMAP capabilities changed", func(a *admin.Admin) (admin.Account, error) {
		return a.SetIMAPWithout(e.ctx, c.Address, c.Capabilities)
	})
}

type accountAddAddressCmd struct {
	addressArg
	More string `arg:"" help:"The address to add."`
}

func (c accountAddAddressCmd) Run(e *env) error {
	return e.onAccount("address added", func(a *admin.Admin) (admin.Account, error) { return a.AddAddress(e.ctx, c.Address, c.More) })
}

type accountRemoveAddressCmd struct {
	addressArg
	Less string `arg:"" help:"The address to take away."`
}

func (c accountRemoveAddressCmd) Run(e *env) error {
	return e.onAccount("address removed", func(a *admin.Admin) (admin.Account, error) { return a.RemoveAddress(e.ctx, c.Address, c.Less) })
}

type accountDisableCmd struct{ addressArg }

func (c accountDisableCmd) Run(e *env) error {
	return e.onAccount("disabled", func(a *admin.Admin) (admin.Account, error) { return a.Disable(e.ctx, c.Address) })
}

type accountEnableCmd struct{ addressArg }

func (c accountEnableCmd) Run(e *env) error {
	return e.onAccount("enabled", func(a *admin.Admin) (admin.Account, error) { return a.Enable(e.ctx, c.Address) })
}

type accountDeleteCmd struct {
	addressArg
	Yes bool `short:"y" help:"Do not ask."`
}

func (c accountDeleteCmd) Run(e *env) error {
	if err := e.confirm(c.Yes, "Delete the account "+c.Address+"? It can be undeleted within the restore window."); err != nil {
		return err
	}
	return e.onAccount("deleted", func(a *admin.Admin) (admin.Account, error) { return a.Delete(e.ctx, c.Address) })
}

type accountUndeleteCmd struct{ addressArg }

func (c accountUndeleteCmd) Run(e *env) error {
	return e.onAccount("undeleted", func(a *admin.Admin) (admin.Account, error) { return a.Undelete(e.ctx, c.Address) })
}
