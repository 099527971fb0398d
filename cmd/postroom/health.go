package main

import (
	"context"
	"sort"
	"strings"
	"time"

	"postroom/cmd/postroom/server"
	"postroom/internal/mail"
)

type healthCmd struct{}

func (healthCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, 5*time.Second)
	defer cancel()
	h, err := server.AskHealth(ctx, cfg.DataDir)
	if err != nil {
		return err
	}
	if err := e.result(h, func() { e.fields(healthFields(h)...) }); err != nil {
		return err
	}
	if !h.OK {
		bad := mail.Errorf(mail.CodeUnavailable, "the server runs, but is not well: database %s", h.Database)
		bad.Hint = "its log says more"
		return bad
	}
	return nil
}

func healthFields(h server.Health) []string {
	state := "ok"
	switch {
	case h.Draining:
		state = "stopping"
	case !h.OK:
		state = "not ok"
	}
	out := []string{"state", state, "database", h.Database, "up", h.Uptime}
	var names []string
	for n := range h.Addresses {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		out = append(out, n, strings.Join(h.Addresses[n], " "))
	}
	return out
}
