package main

import (
	"fmt"
	"strings"

	"postroom/internal/admin"
	"postroom/internal/zone"
)

type domainCmd struct {
	Add    domainAddCmd    `cmd:"" help:"Add a domain and make its DKIM keys."`
	List   domainListCmd   `cmd:"" help:"List all domains."`
	Show   domainShowCmd   `cmd:"" help:"Show a domain and the DNS records it needs."`
	Limits domainLimitsCmd `cmd:"" help:"Show or change what a domain's accounts may send."`
	MtaSts domainMTASTSCmd `cmd:"" name:"mta-sts" help:"Show or change the MTA-STS policy of a domain."`
	Delete domainDeleteCmd `cmd:"" help:"Delete a domain that no account and no queued mail needs."`
}

type domainAddCmd struct {
	Name string `arg:"" help:"Domain, as example.org or bücher.example."`
}

func (c domainAddCmd) Run(e *env) error {
	a, err := e.adminWithKey()
	if err != nil {
		return err
	}
	d, err := a.CreateDomain(e.ctx, c.Name)
	if err != nil {
		return err
	}
	return e.result(d, func() {
		e.say("Added %s. Its DNS records: postroom domain show %s", d.Name, d.Name)
	})
}

type domainListCmd struct{}

func (domainListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	domains, err := a.Domains(e.ctx)
	if err != nil {
		return err
	}
	return e.result(orEmpty(domains), func() {
		var rows [][]string
		for _, d := range domains {
			rows = append(rows, []string{d.Name, fmt.Sprint(d.Accounts), fmt.Sprint(d.Aliases), orDash(strings.Join(d.CatchAll, " ")), when(d.CreatedAt)})
		}
		e.table([]string{"domain", "accounts", "aliases", "catch-all", "since"}, rows)
	})
}

type domainShowCmd struct {
	Name string `arg:"" help:"Domain."`
}

func (c domainShowCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	d, err := a.Domain(e.ctx, c.Name)
	if err != nil {
		return err
	}
	f, err := e.zoneFacts(c.Name)
	if err != nil {
		return err
	}
	records := zone.Records(f)
	shown := struct {
		admin.Domain
		Records []zone.Record `json:"dns"`
	}{d, records}
	return e.result(shown, func() {
		e.fields("domain", d.Name, "in DNS", d.ASCII, "since", when(d.CreatedAt), "accounts", fmt.Sprint(d.Accounts),
			"aliases", fmt.Sprint(d.Aliases), "catch-all", orDash(strings.Join(d.CatchAll, " ")))
		e.say("\nDNS records, as lines of a zone file (postroom dns %s tells why each is there):", d.Name)
		for _, r := range records {
			if r.Need != zone.Optional && r.Kind != zone.PTR { // which stands in another zone
				fmt.Fprintln(e.out, r.Zone)
			}
		}
	})
}

type domainDeleteCmd struct {
	Name string `arg:"" help:"Domain."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

func (c domainDeleteCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	if err := e.confirm(c.Yes, "Delete the domain "+c.Name+", its aliases and DKIM keys?"); err != nil {
		return err
	}
	if err := a.DeleteDomain(e.ctx, c.Name); err != nil {
		return err
	}
	return e.result(map[string]string{"deleted": c.Name}, func() { e.say("Deleted %s.", c.Name) })
}
