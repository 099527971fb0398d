package main

import "postroom/internal/admin"

type senderCmd struct {
	Allow  senderAllowCmd  `cmd:"" help:"Take mail of a sender or network without DNS lists and greylisting."`
	Block  senderBlockCmd  `cmd:"" help:"Refuse mail of a sender or network."`
	List   senderListCmd   `cmd:"" help:"List the entries, newest first."`
	Remove senderRemoveCmd `cmd:"" help:"Take an entry off its list."`
}

// senderArgs name an entry.
type senderArgs struct {
	What    string `arg:"" help:"An address, a domain with all below it, or an address or network of peers."`
	Network string `help:"Only from this network of peers." placeholder:"NETWORK"`
	For     string `help:"Only for this account, or the accounts of this domain." placeholder:"ADDRESS|DOMAIN"`
}

func (c senderArgs) args(note string) admin.SenderArgs {
	return admin.SenderArgs{What: c.What, Network: c.Network, For: c.For, Note: note}
}

type senderAllowCmd struct {
	senderArgs
	Note string `help:"Why." placeholder:"TEXT"`
}

func (c senderAllowCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	x, err := a.AllowSender(e.ctx, c.args(c.Note))
	if err != nil {
		return err
	}
	return e.result(x, func() { e.say("Mail from %s is taken%s.", c.What, forWhom(x.For)) })
}

type senderBlockCmd struct {
	senderArgs
	Note string `help:"Why." placeholder:"TEXT"`
}

func (c senderBlockCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	x, err := a.BlockSender(e.ctx, c.args(c.Note))
	if err != nil {
		return err
	}
	return e.result(x, func() { e.say("Mail from %s is refused%s.", c.What, forWhom(x.For)) })
}

func forWhom(s string) string {
	if s == "" {
		return ""
	}
	return " for " + s
}

type senderListCmd struct {
	For string `arg:"" optional:"" help:"Only entries of this account or domain."`
}

func (c senderListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	all, err := a.SenderRules(e.ctx, c.For)
	if err != nil {
		return err
	}
	return e.result(orEmpty(all), func() {
		var rows [][]string
		for _, x := range all {
			rows = append(rows, []string{x.List, orDash(x.Sender), orDash(x.Network), orDash(x.For), when(x.Since), orDash(x.Note)})
		}
		e.table([]string{"list", "sender", "network", "for", "since", "note"}, rows)
	})
}

type senderRemoveCmd struct{ senderArgs }

func (c senderRemoveCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := a.RemoveSender(e.ctx, c.args("")); err != nil {
		return err
	}
	return e.result(map[string]string{"removed": c.What}, func() { e.say("%s is on no list%s.", c.What, forWhom(c.For)) })
}
