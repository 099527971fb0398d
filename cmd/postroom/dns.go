package main

import (
	"fmt"

	"postroom/internal/address"
	"postroom/internal/zone"
)

type dnsCmd struct {
	Domain string `arg:"" help:"Domain."`
	Zone   bool   `xor:"form" help:"Print a zone file, as in a pipe."`
	Table  bool   `xor:"form" help:"Print a table, as on a terminal."`
}

func (c dnsCmd) Run(e *env) error {
	f, err := e.zoneFacts(c.Domain)
	if err != nil {
		return err
	}
	records := zone.Records(f)
	if done, err := e.json(records); done {
		return err
	}
	if c.Zone || (!c.Table && !e.terminal) {
		return zone.WriteFile(e.out, f.Domain, records)
	}
	e.recordTable(f, records)
	return nil
}

// recordTable shows records for the forms of a provider: name, type and value
// apart, and under each why it is there.
func (e *env) recordTable(f zone.Facts, records []zone.Record) {
	var rows [][]string
	for _, r := range records {
		rows = append(rows, []string{string(r.Need), r.Name, r.Type, r.Value})
		if e.terminal {
			rows = append(rows, []string{"", "", "", r.Why})
		}
	}
	e.table([]string{"need", "name", "type", "value"}, rows)
	if len(f.Host.Addresses) == 0 {
		fmt.Fprintf(e.err, "postroom: hint: the public addresses of %s are not known; set public_addresses for its A, AAAA and PTR records\n", f.Host.Name)
	}
	e.say("\nWhether they are published: postroom check %s", address.DisplayDomain(f.Domain))
}
