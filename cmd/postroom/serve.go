package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"postroom/cmd/postroom/server"
)

// stopTime bounds a stop: 20 s for sessions and deliveries to finish, the rest
// for the private PostgreSQL's last checkpoint.
const stopTime = 50 * time.Second

type serveCmd struct {
	Roles    []string `help:"What this process does: smtp, imap, queue, http (default: all)." placeholder:"ROLE"`
	Hostname string   `help:"Name of this server." placeholder:"NAME"`
	LogLevel string   `name:"log-level" help:"debug, info, warn or error." placeholder:"LEVEL"`
}

func (c serveCmd) Run(e *env) error {
	if e.Set == nil {
		e.Set = map[string]string{}
	}
	for key, value := range map[string]string{"roles": strings.Join(c.Roles, ","), "hostname": c.Hostname, "log_level": c.LogLevel} {
		if value != "" {
			e.Set[key] = value
		}
	}
	cfg, err := e.config()
	if err != nil {
		return err
	}
	log := server.NewLog(cfg, e.err)
	srv, err := server.Start(e.ctx, cfg, server.Options{Log: log, MasterKeyEnv: e.masterKeyEnv(), Version: version})
	if err != nil {
		if e.ctx.Err() != nil { // stopped while starting
			return nil
		}
		return err
	}
	var failed error
	select {
	case <-e.ctx.Done():
		log.Info("stopping: no new connections; running sessions may finish", "within", server.DrainTime)
	case failed = <-srv.Failed():
	}
	// The first signal drains; a second one ends the process at once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), stopTime)
	defer cancel()
	return errors.Join(failed, srv.Shutdown(ctx))
}
