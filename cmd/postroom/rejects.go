package main

import "fmt"

type rejectsCmd struct {
	List    rejectsListCmd    `cmd:"" default:"withargs" help:"List them, newest first."`
	Release rejectsReleaseCmd `cmd:"" help:"Move junk to INBOX, and allow the sender for the account."`
}

type rejectsListCmd struct{ addressArg }

func (c rejectsListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	all, err := a.Rejects(e.ctx, c.Address)
	if err != nil {
		return err
	}
	return e.result(orEmpty(all), func() {
		var rows [][]string
		for _, x := range all {
			rows = append(rows, []string{x.ID, when(x.At), fmt.Sprint(x.Count), x.Action, "<" + x.Sender + ">", orDash(x.Network),
				orDash(x.From), orDash(x.Subject), x.Reason})
		}
		e.table([]string{"id", "last", "times", "action", "sender", "network", "from", "subject", "reason"}, rows)
	})
}

type rejectsReleaseCmd struct {
	addressArg
	ID string `arg:"" help:"Id of the line."`
}

func (c rejectsReleaseCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	x, err := a.ReleaseReject(e.ctx, c.Address, c.ID)
	if err != nil {
		return err
	}
	return e.result(x, func() {
		switch {
		case x.Moved:
			e.say("The message is in the INBOX of %s.", x.Rule.For)
		case x.Action == "junked":
			e.say("The message is not in Junk any more.")
		default:
			e.say("The message itself was not kept: its sender must send it again.")
		}
		e.say("What <%s> sends from %s is taken for %s from now on.", x.Sender, x.Network, x.Rule.For)
	})
}
