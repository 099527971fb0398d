package main

import (
	"fmt"
	"io"
	"os"

	"postroom/internal/admin"
)

type accountImportCmd struct {
	File   string `arg:"" help:"CSV file: address,name,password,quota; - is stdin. An empty password is made and printed."`
	DryRun bool   `help:"Check every row and change nothing."`
}

func (c accountImportCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	var in io.Reader = e.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	bar := e.progress("accounts")
	rows, err := a.ImportAccounts(e.ctx, in, admin.ImportOptions{DryRun: c.DryRun,
		Progress: func(done, total int) { bar.at(int64(done), int64(total)) }})
	bar.end()
	if err != nil {
		return err
	}
	bad := 0
	err = e.result(orEmpty(rows), func() {
		for _, r := range rows {
			switch {
			case r.Error != "":
				fmt.Fprintf(e.err, "line %d: %s: %s\n", r.Line, r.Address, r.Error)
				if r.Hint != "" {
					fmt.Fprintf(e.err, "  hint: %s\n", r.Hint)
				}
			case r.Password != "":
				e.table(nil, [][]string{{r.Address, r.Password}})
			}
		}
	})
	for _, r := range rows {
		if r.Error != "" {
			bad++
		}
	}
	e.say("%s added, %d refused.", plural(int64(len(rows)-bad), "account"), bad)
	if err == nil && bad > 0 {
		return errSilent
	}
	return err
}
