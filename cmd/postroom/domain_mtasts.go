package main

import (
	"strings"
	"time"

	"postroom/internal/admin"
)

// domainMTASTSCmd shows the policy without flags.
type domainMTASTSCmd struct {
	Name   string        `arg:"" help:"Domain."`
	Mode   string        `help:"none, testing, enforce; off: no policy at all." placeholder:"MODE"`
	MaxAge time.Duration `name:"max-age" help:"How long senders may remember the policy, as 168h." placeholder:"TIME"`
	MX     []string      `name:"mx" help:"Hosts of the domain's MX records (default: hostname); again for several." placeholder:"HOST"`
}

func (c domainMTASTSCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	var p admin.MTASTS
	if c.Mode == "" && c.MaxAge == 0 && len(c.MX) == 0 {
		p, err = a.MTASTS(e.ctx, c.Name)
	} else {
		p, err = a.SetMTASTS(e.ctx, c.Name, e.cfg.Hostname, admin.MTASTSArgs{Mode: c.Mode, MaxAge: c.MaxAge, MX: c.MX})
	}
	if err != nil {
		return err
	}
	return e.result(p, func() { e.printMTASTS(p) })
}

func (e *env) printMTASTS(p admin.MTASTS) {
	if p.Record == nil {
		e.fields("domain", p.Domain, "mode", p.Mode)
		return
	}
	e.fields("domain", p.Domain, "mode", p.Mode, "max age", (time.Duration(p.MaxAge) * time.Second).String(),
		"mx", strings.Join(p.MX, " "), "policy", p.URL, "DNS", p.Record.Zone)
	e.say("\nPublish the record again after each change: senders fetch the policy anew when its id differs.")
}
