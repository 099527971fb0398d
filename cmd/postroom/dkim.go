package main

import (
	"fmt"

	"postroom/internal/admin"
	"postroom/internal/zone"
)

type dkimCmd struct {
	Show   dkimShowCmd   `cmd:"" default:"withargs" help:"Print the DNS records of the keys that sign."`
	List   dkimListCmd   `cmd:"" help:"List a domain's keys, retired ones too."`
	Renew  dkimRenewCmd  `cmd:"" help:"Make new keys; publish their records, then retire the old ones."`
	Retire dkimRetireCmd `cmd:"" help:"End signing with one key."`
}

type dkimShowCmd struct {
	Domain string `arg:"" help:"Domain."`
}

func (c dkimShowCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	keys, err := a.DKIMKeys(e.ctx, c.Domain)
	if err != nil {
		return err
	}
	records := []zone.Record{}
	for _, k := range keys {
		if k.RetiredAt == nil {
			records = append(records, k.Record)
		}
	}
	return e.result(records, func() {
		for _, r := range records {
			fmt.Fprintln(e.out, r.Zone)
		}
	})
}

// printKeys lists keys, never their secret part.
func (e *env) printKeys(keys []admin.DKIMKey) error {
	return e.result(orEmpty(keys), func() {
		var rows [][]string
		for _, k := range keys {
			state := "signs"
			if k.RetiredAt != nil {
				state = "retired " + when(*k.RetiredAt)
			}
			rows = append(rows, []string{k.Selector, k.Algorithm, when(k.CreatedAt), state})
		}
		e.table([]string{"selector", "algorithm", "since", "state"}, rows)
	})
}

type dkimListCmd struct {
	Domain string `arg:"" help:"Domain."`
}

func (c dkimListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	keys, err := a.DKIMKeys(e.ctx, c.Domain)
	if err != nil {
		return err
	}
	return e.printKeys(keys)
}

type dkimRenewCmd struct {
	Domain string `arg:"" help:"Domain."`
	Retire bool   `help:"End signing with the old keys at once."`
}

func (c dkimRenewCmd) Run(e *env) error {
	a, err := e.adminWithKey()
	if err != nil {
		return err
	}
	keys, err := a.RenewDKIM(e.ctx, c.Domain, c.Retire)
	if err != nil {
		return err
	}
	return e.printKeys(keys)
}

type dkimRetireCmd struct {
	Domain   string `arg:"" help:"Domain."`
	Selector string `arg:"" help:"Selector of the key."`
}

func (c dkimRetireCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := a.RetireDKIM(e.ctx, c.Domain, c.Selector); err != nil {
		return err
	}
	return e.result(map[string]string{"retired": c.Selector}, func() { e.say("Retired %s.", c.Selector) })
}
