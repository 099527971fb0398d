package main

import (
	"fmt"
	"strings"

	"postroom/internal/admin"
)

// limitFlags change limits; without any the limits are shown.
type limitFlags struct {
	RecipientsPerMessage string `help:"Recipients of one message: a number, none or default." placeholder:"LIMIT"`
	MessagesPerHour      string `help:"Messages in an hour of the clock." placeholder:"LIMIT"`
	MessagesPerDay       string `help:"Messages in 24 such hours." placeholder:"LIMIT"`
	RecipientsPerHour    string `help:"Recipients in an hour." placeholder:"LIMIT"`
	RecipientsPerDay     string `help:"Recipients in 24 hours." placeholder:"LIMIT"`
	NewRecipientsPerDay  string `help:"Recipients in 24 hours that the account never wrote to." placeholder:"LIMIT"`
	SuspectPerHour       string `help:"New or failed recipients in an hour that hold the account as if stolen." placeholder:"LIMIT"`
	Pacing               string `help:"What is over a limit: on (release evenly), off (refuse), default."`
}

func (f limitFlags) args() admin.LimitArgs { return admin.LimitArgs(f) }

// onLimits prints limits, changed or not.
func (e *env) onLimits(f limitFlags, show func(*admin.Admin) (admin.Limits, error), change func(*admin.Admin) (admin.Limits, error)) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	act := show
	if f != (limitFlags{}) {
		act = change
	}
	l, err := act(a)
	if err != nil {
		return err
	}
	return e.result(l, func() { e.printLimits(l) })
}

func (e *env) printLimits(l admin.Limits) {
	var rows [][]string
	for _, x := range l.Limits {
		most := "none"
		if x.Max > 0 {
			most = fmt.Sprint(x.Max)
		}
		rows = append(rows, []string{strings.ReplaceAll(x.Name, "_", " "), most, x.Source, fmt.Sprint(x.Used)})
	}
	pacing := "off"
	if l.Pacing {
		pacing = "on"
	}
	rows = append(rows, []string{"pacing", pacing, l.PacingSource, "-"})
	e.table([]string{"limit", "most", "set by", "used"}, rows)
	if l.Held != "" {
		e.say("")
		e.fields("held", l.Held, "since", when(*l.HeldAt))
	}
}

type accountLimitsCmd struct {
	addressArg
	limitFlags
}

func (c accountLimitsCmd) Run(e *env) error {
	return e.onLimits(c.limitFlags, func(a *admin.Admin) (admin.Limits, error) { return a.AccountLimits(e.ctx, c.Address) },
		func(a *admin.Admin) (admin.Limits, error) { return a.SetAccountLimits(e.ctx, c.Address, c.args()) })
}

type domainLimitsCmd struct {
	Name string `arg:"" help:"Domain."`
	limitFlags
}

func (c domainLimitsCmd) Run(e *env) error {
	return e.onLimits(c.limitFlags, func(a *admin.Admin) (admin.Limits, error) { return a.DomainLimits(e.ctx, c.Name) },
		func(a *admin.Admin) (admin.Limits, error) { return a.SetDomainLimits(e.ctx, c.Name, c.args()) })
}

type accountResumeCmd struct{ addressArg }

func (c accountResumeCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	l, err := a.Resume(e.ctx, c.Address)
	if err != nil {
		return err
	}
	return e.result(l, func() {
		e.say("%s may send again. What is held: postroom queue list --sender %s --state held", l.Of, l.Of)
	})
}
