package main

import (
	"errors"
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
	rows, failed := a.ImportAccounts(e.ctx, in, admin.ImportOptions{DryRun: c.DryRun,
		Progress: func(done, total int) { bar.at(int64(done), int64(total)) }})
	bar.end()
	if failed != nil && len(rows) == 0 {
		return failed
	}
	// Also when it ended early: the passwords that were made are shown once.
	bad := 0
	err = e.result(orEmpty(rows), func() {
		var made [][]string
		for _, r := range rows {
			switch {
			case r.Error != "":
				fmt.Fprintf(e.err, "line %d: %s: %s\n", r.Line, r.Address, r.Error)
				if r.Hint != "" {
					fmt.Fprintf(e.err, "  hint: %s\n", r.Hint)
				}
			case r.Password != "":
				made = append(made, []string{r.Address, r.Password})
			}
		}
		e.table([]string{"account", "password"}, made)
	})
	for _, r := range rows {
		if r.Error != "" {
			bad++
		}
	}
	done := "added"
	if c.DryRun {
		done = "would be added"
	}
	e.say("%s %s, %d refused.", plural(int64(len(rows)-bad), "account"), done, bad)
	if err == nil && failed == nil && bad > 0 {
		return errSilent
	}
	return errors.Join(err, failed)
}
