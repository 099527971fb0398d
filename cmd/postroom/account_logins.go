package main

import (
	"fmt"

	"postroom/internal/mail"
)

type accountLoginsCmd struct {
	addressArg
	Failed bool `help:"Only those that failed."`
	Limit  int  `help:"At most so many rows; 0: all of the 90 days." default:"100" placeholder:"N"`
}

func (c accountLoginsCmd) Run(e *env) error {
	if c.Limit < 0 {
		return &mail.Error{Code: mail.CodeInvalid, Text: fmt.Sprintf("%d is no number of rows", c.Limit), Hint: "0 shows all"}
	}
	a, err := e.admin()
	if err != nil {
		return err
	}
	all, err := a.Logins(e.ctx, c.Address, mail.LoginFilter{Failed: c.Failed, Limit: c.Limit})
	if err != nil {
		return err
	}
	return e.result(orEmpty(all), func() {
		var rows [][]string
		for _, l := range all {
			rows = append(rows, []string{when(l.LastAt), l.Result, fmt.Sprint(l.Count), l.Peer, l.Protocol, l.Mechanism,
				orDash(l.Credential), orDash(l.Client), orDash(l.TLS)})
		}
		e.table([]string{"last", "result", "times", "peer", "protocol", "mechanism", "by", "client", "tls"}, rows)
	})
}
