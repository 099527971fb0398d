package main

import (
	"strings"

	"postroom/internal/admin"
)

type aliasCmd struct {
	Add    aliasAddCmd    `cmd:"" help:"Add an alias. *@example.org is the catch-all."`
	List   aliasListCmd   `cmd:"" help:"List aliases."`
	Show   aliasShowCmd   `cmd:"" help:"Show an alias."`
	Set    aliasSetCmd    `cmd:"" help:"Replace where an alias leads."`
	Rename aliasRenameCmd `cmd:"" help:"Move an alias; the old address leads to the new one unless --drop-old."`
	Delete aliasDeleteCmd `cmd:"" help:"Delete an alias."`
}

type aliasArgs struct {
	Address string   `arg:"" help:"Address of the alias."`
	Targets []string `arg:"" help:"Where it leads: addresses here or outside."`
}

// onAlias does one action and prints the alias as it is afterwards.
func (e *env) onAlias(act func(*admin.Admin) (admin.Alias, error)) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	alias, err := act(a)
	if err != nil {
		return err
	}
	return e.result(alias, func() {
		e.table([]string{"alias", "leads to"}, [][]string{{alias.Address, strings.Join(alias.Targets, " ")}})
	})
}

type aliasAddCmd struct{ aliasArgs }

func (c aliasAddCmd) Run(e *env) error {
	return e.onAlias(func(a *admin.Admin) (admin.Alias, error) { return a.CreateAlias(e.ctx, c.Address, c.Targets) })
}

type aliasSetCmd struct{ aliasArgs }

func (c aliasSetCmd) Run(e *env) error {
	return e.onAlias(func(a *admin.Admin) (admin.Alias, error) { return a.SetAliasTargets(e.ctx, c.Address, c.Targets) })
}

type aliasShowCmd struct{ addressArg }

func (c aliasShowCmd) Run(e *env) error {
	return e.onAlias(func(a *admin.Admin) (admin.Alias, error) { return a.Alias(e.ctx, c.Address) })
}

type aliasRenameCmd struct {
	addressArg
	To      string `arg:"" help:"New address."`
	DropOld bool   `help:"Give the old address up."`
}

func (c aliasRenameCmd) Run(e *env) error {
	return e.onAlias(func(a *admin.Admin) (admin.Alias, error) { return a.RenameAlias(e.ctx, c.Address, c.To, !c.DropOld) })
}

type aliasListCmd struct {
	Domain string `arg:"" optional:"" help:"Only this domain."`
}

func (c aliasListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	list, err := a.Aliases(e.ctx, c.Domain)
	if err != nil {
		return err
	}
	return e.result(orEmpty(list), func() {
		var rows [][]string
		for _, x := range list {
			rows = append(rows, []string{x.Address, strings.Join(x.Targets, " ")})
		}
		e.table([]string{"alias", "leads to"}, rows)
	})
}

type aliasDeleteCmd struct{ addressArg }

func (c aliasDeleteCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := a.DeleteAlias(e.ctx, c.Address); err != nil {
		return err
	}
	return e.result(map[string]string{"deleted": c.Address}, func() { e.say("Deleted %s.", c.Address) })
}
