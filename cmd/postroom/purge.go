package main

import (
	"fmt"

	"postroom/internal/address"
	"postroom/store"
)

type purgeCmd struct {
	Account string `arg:"" optional:"" help:"Only this account (default: all)."`
	Yes     bool   `short:"y" help:"Do not ask."`
}

func (c purgeCmd) Run(e *env) error {
	s, err := e.store()
	if err != nil {
		return err
	}
	var args store.PurgeArgs
	what := "everything that was expunged or deleted"
	if c.Account != "" {
		a, err := address.Parse(c.Account)
		if err != nil {
			return err
		}
		acct, err := s.AccountByAddress(e.ctx, a)
		if err != nil {
			return err
		}
		args.Account = acct.ID
		what += " in " + c.Account
	}
	if err := e.confirm(c.Yes, "Delete for good "+what+"? It can no longer be restored."); err != nil {
		return err
	}
	var r store.PurgeResult
	err = e.working("purging", func() (err error) {
		r, err = s.Purge(e.ctx, args)
		return err
	})
	if err != nil {
		return err
	}
	return e.result(r, func() {
		e.fields("accounts", fmt.Sprint(r.Accounts), "expunged", fmt.Sprint(r.Expunged), "messages", fmt.Sprint(r.Messages),
			"blobs", fmt.Sprint(r.Blobs), "on disk before", octets(r.BytesBefore), "on disk after", octets(r.BytesAfter))
	})
}
