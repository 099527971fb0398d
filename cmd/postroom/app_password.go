package main

import "postroom/internal/admin"

type appPasswordCmd struct {
	Add    appPasswordAddCmd    `cmd:"" help:"Make a password for one device and print it once."`
	List   appPasswordListCmd   `cmd:"" help:"List those that are valid."`
	Revoke appPasswordRevokeCmd `cmd:"" help:"End one, and the sessions that use it."`
}

type appPasswordAddCmd struct {
	addressArg
	Label string `arg:"" help:"What it is for: phone, laptop."`
}

func (c appPasswordAddCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	p, err := a.CreateAppPassword(e.ctx, c.Address, c.Label)
	if err != nil {
		return err
	}
	return e.result(p, func() { e.fields("label", p.Label, "user", c.Address, "password", p.Password) })
}

type appPasswordListCmd struct{ addressArg }

func (c appPasswordListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	list, err := a.AppPasswords(e.ctx, c.Address)
	if err != nil {
		return err
	}
	return e.result(orEmpty(list), func() {
		var rows [][]string
		for _, p := range list {
			used := "never"
			if p.LastUsedAt != nil {
				used = when(*p.LastUsedAt)
			}
			rows = append(rows, []string{p.ID, p.Label, p.Prefix, when(p.CreatedAt), used})
		}
		e.table([]string{"id", "label", "prefix", "since", "last used"}, rows)
	})
}

type appPasswordRevokeCmd struct {
	addressArg
	Which string `arg:"" help:"Its id, prefix, or label."`
}

func (c appPasswordRevokeCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	var p admin.AppPassword
	if p, err = a.RevokeAppPassword(e.ctx, c.Address, c.Which); err != nil {
		return err
	}
	return e.result(p, func() { e.say("Revoked %s.", p.Label) })
}
