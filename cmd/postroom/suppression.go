package main

type suppressionCmd struct {
	List   suppressionListCmd   `cmd:"" help:"List them, newest first."`
	Add    suppressionAddCmd    `cmd:"" help:"Refuse submissions to an address."`
	Remove suppressionRemoveCmd `cmd:"" help:"Let an address be written to again."`
}

type suppressionListCmd struct {
	Domain string `arg:"" optional:"" help:"Only addresses of this domain."`
}

func (c suppressionListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	all, err := a.Suppressions(e.ctx, c.Domain)
	if err != nil {
		return err
	}
	return e.result(orEmpty(all), func() {
		var rows [][]string
		for _, x := range all {
			rows = append(rows, []string{x.Address, when(x.Since), when(x.ExpiresAt), orDash(x.ID), x.Reason})
		}
		e.table([]string{"address", "since", "until", "id", "reason"}, rows)
	})
}

type suppressionAddCmd struct {
	Address string `arg:"" help:"The address."`
	Reason  string `help:"Why; senders read it." placeholder:"TEXT"`
	Days    string `help:"For how long." default:"30" placeholder:"DAYS"`
}

func (c suppressionAddCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	x, err := a.AddSuppression(e.ctx, c.Address, c.Reason, c.Days)
	if err != nil {
		return err
	}
	return e.result(x, func() { e.say("%s is not written to until %s.", x.Address, when(x.ExpiresAt)) })
}

type suppressionRemoveCmd struct {
	Address string `arg:"" help:"The address."`
}

func (c suppressionRemoveCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := a.RemoveSuppression(e.ctx, c.Address); err != nil {
		return err
	}
	return e.result(map[string]string{"removed": c.Address}, func() { e.say("%s may be written to again.", c.Address) })
}
