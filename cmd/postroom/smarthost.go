package main

import (
	"fmt"

	"postroom/internal/admin"
)

type smarthostCmd struct {
	Set    smarthostSetCmd    `cmd:"" aliases:"add" help:"Send through a relay; its password is typed, or read from stdin."`
	List   smarthostListCmd   `cmd:"" help:"List relays."`
	Delete smarthostDeleteCmd `cmd:"" help:"Send by MX records again."`
}

type smarthostSetCmd struct {
	Host     string `arg:"" help:"Name or address of the relay."`
	Domain   string `help:"Only for recipients in this domain (default: all)." placeholder:"DOMAIN"`
	Port     int    `help:"Port (default: as TLS tells)."`
	TLS      string `name:"tls" help:"implicit, starttls or none." default:"starttls" enum:"implicit,starttls,none"`
	Username string `help:"User, when it wants a log-in." placeholder:"NAME"`
}

func (c smarthostSetCmd) Run(e *env) error {
	args := admin.SmarthostArgs{Domain: c.Domain, Host: c.Host, Port: c.Port, TLS: c.TLS, Username: c.Username}
	if c.Username != "" {
		var err error
		if args.Password, err = e.readPassword("Password of " + c.Username + " at " + c.Host); err != nil {
			return err
		}
	}
	a, err := e.adminWithKey()
	if err != nil {
		return err
	}
	s, err := a.SetSmarthost(e.ctx, args)
	if err != nil {
		return err
	}
	return e.result(s, func() { e.table(smarthostHeaders, [][]string{smarthostRow(s)}) })
}

var smarthostHeaders = []string{"for", "host", "port", "tls", "user"}

func smarthostRow(s admin.Smarthost) []string {
	domain := s.Domain
	if domain == "" {
		domain = "all"
	}
	return []string{domain, s.Host, fmt.Sprint(s.Port), s.TLS, orDash(s.Username)}
}

type smarthostListCmd struct{}

func (smarthostListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	list, err := a.Smarthosts(e.ctx)
	if err != nil {
		return err
	}
	return e.result(orEmpty(list), func() {
		var rows [][]string
		for _, s := range list {
			rows = append(rows, smarthostRow(s))
		}
		e.table(smarthostHeaders, rows)
	})
}

type smarthostDeleteCmd struct {
	Domain string `arg:"" optional:"" help:"The domain it is for (default: the one for all)."`
}

func (c smarthostDeleteCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := a.DeleteSmarthost(e.ctx, c.Domain); err != nil {
		return err
	}
	return e.result(map[string]string{"deleted": c.Domain}, func() { e.say("Deleted.") })
}
