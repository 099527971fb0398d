package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postroom/cmd/postroom/server"
	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/mail"
)

// demoCmd is `make run`: a server on loopback ports with two people, and one
// look at mail flowing through it. The outside world is played by a DNS server
// and an SMTP sink inside.
type demoCmd struct {
	Once bool `help:"Show the flow and end: 0 only when both messages arrived octet for octet."`
}

const demoDomain = "example.test"

// demoPorts are the listeners, by configuration key.
var demoPorts = []struct{ key, port, use string }{
	{"listen.smtp", "2525", "SMTP from other servers"},
	{"listen.submissions", "2465", "outgoing mail, SSL/TLS"},
	{"listen.submission", "2587", "outgoing mail, STARTTLS"},
	{"listen.imap", "2143", "incoming mail, STARTTLS"},
	{"listen.imaps", "2993", "incoming mail, SSL/TLS"},
	{"listen.http", "2080", "automatic set-up, health"},
	{"listen.https", "2443", "automatic set-up, MTA-STS"},
	{"listen.metrics", "2090", "metrics"},
}

func (c demoCmd) Run(e *env) error {
	outside, err := startOutside()
	if err != nil {
		return err
	}
	defer outside.close()
	cfg, err := c.configure(e, outside)
	if err != nil {
		return err
	}
	began := time.Now()
	srv, err := c.start(e, cfg)
	if err != nil {
		if e.ctx.Err() != nil { // stopped while starting
			return nil
		}
		return err
	}
	shown := c.show(e, srv, outside, time.Since(began))
	if shown == nil && !c.Once {
		fmt.Fprintln(e.out, "\nThe server stays up. Ctrl-C stops it.")
		select {
		case <-e.ctx.Done():
		case err := <-srv.Failed():
			shown = err
		}
	}
	if errors.Is(shown, context.Canceled) && e.ctx.Err() != nil {
		shown = nil
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), stopTime)
	defer cancel()
	return errors.Join(shown, srv.Shutdown(stop))
}

// start shows a bar on a terminal, for the first start makes a cluster.
func (demoCmd) start(e *env, cfg *config.Config) (*server.Server, error) {
	var w io.Writer = e.err
	if isTerminal(e.err) {
		bar := e.progress("starting")
		defer bar.end()
		w = bar
		if cfg.LogFormat == "auto" {
			cfg.LogFormat = "text"
		}
	}
	return server.Start(e.ctx, cfg, server.Options{Log: server.NewLog(cfg, w), MasterKeyEnv: e.masterKeyEnv(), Version: version})
}

// configure puts the demo's values under whatever flags and variables say. The
// file of a real server on this machine is not read.
func (demoCmd) configure(e *env, o *outside) (*config.Config, error) {
	if e.environ == nil {
		e.environ = os.Environ()
	}
	values := []string{"POSTROOM_CONFIG=" + os.DevNull, "POSTROOM_DATA_DIR=var/demo", "POSTROOM_HOSTNAME=localhost",
		"POSTROOM_DNS_SERVERS=" + o.dnsAddr, "POSTROOM_RELAY_PORT=" + o.sinkPort, "POSTROOM_LOG_LEVEL=warn"}
	for _, p := range demoPorts {
		values = append(values, "POSTROOM_"+strings.ToUpper(strings.ReplaceAll(p.key, ".", "_"))+"=127.0.0.1:"+p.port)
	}
	e.environ = append(values, e.environ...) // the last one wins
	return e.config()
}

// show makes the domain on the first start, prints the table of settings and
// sends the two messages.
func (c demoCmd) show(e *env, srv *server.Server, o *outside, start time.Duration) error {
	people, first, err := demoPeople(e.ctx, e.cfg.DataDir, srv)
	if err != nil {
		return err
	}
	if first {
		fmt.Fprintf(e.out, "Made the domain %s with two people; started in %.1f s.\n\n", demoDomain, start.Seconds())
	} else {
		fmt.Fprintf(e.out, "Found the domain %s and its mail again; started in %.1f s.\n\n", demoDomain, start.Seconds())
	}
	printDemoSettings(e, srv, people)
	flow := demoFlow{e: e, srv: srv, people: people, outside: o}
	if err := flow.local(); err != nil {
		return err
	}
	return flow.relayed()
}

// demoPerson is one of the two accounts.
type demoPerson struct {
	Address  string `json:"address"`
	Password string `json:"password"`
}

func passwordsFile(dataDir string) string { return filepath.Join(dataDir, "demo-passwords.json") }

// demoPeople reads who was made at the first start, or makes them. The file is
// written before the accounts: a start cut short goes on where it was.
func demoPeople(ctx context.Context, dataDir string, srv *server.Server) (people []demoPerson, first bool, err error) {
	raw, err := os.ReadFile(passwordsFile(dataDir))
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, &people); err != nil {
			e := mail.Wrap(mail.CodeInvalid, err, passwordsFile(dataDir)+" cannot be read")
			e.Hint = "remove the demo's data and start again: make clean"
			return nil, false, e
		}
	case os.IsNotExist(err):
		for _, name := range []string{"alice", "bob"} {
			people = append(people, demoPerson{name + "@" + demoDomain, demoPassword()})
		}
		raw, _ := json.MarshalIndent(people, "", "  ")
		if err := os.WriteFile(passwordsFile(dataDir), append(raw, '\n'), 0o600); err != nil {
			return nil, false, err
		}
	default:
		return nil, false, err
	}
	first, err = makeDemoAccounts(ctx, srv, people)
	return people, first, err
}

// demoPassword gives 16 letters of 4 groups, easy to type on a telephone.
func demoPassword() string {
	return strings.ToLower(strings.Join([]string{rand.Text()[:4], rand.Text()[:4], rand.Text()[:4], rand.Text()[:4]}, "-"))
}

func printDemoSettings(e *env, srv *server.Server, people []demoPerson) {
	at := srv.Addresses()
	var rows [][]string
	for _, p := range demoPorts {
		if a := at[strings.TrimPrefix(p.key, "listen.")]; len(a) > 0 {
			rows = append(rows, []string{p.use, strings.Join(a, " ")})
		}
	}
	for _, p := range people {
		rows = append(rows, []string{"user " + p.Address, "password " + p.Password})
	}
	rows = append(rows, []string{"certificate to trust", srv.CAFile()}, []string{"passwords are kept in", passwordsFile(e.cfg.DataDir)},
		[]string{"command line beside it", "bin/postroom --data-dir " + e.cfg.DataDir + " account list"})
	e.printTable([]string{"client settings", ""}, rows)
}

// makeDemoAccounts makes what is missing, and tells whether that was all.
func makeDemoAccounts(ctx context.Context, srv *server.Server, people []demoPerson) (first bool, err error) {
	a := srv.Admin()
	if _, err := a.CreateDomain(ctx, demoDomain); err == nil {
		first = true
	} else if !mail.Is(err, mail.CodeExists) {
		return false, err
	}
	for _, p := range people {
		_, err := a.CreateAccount(ctx, admin.AccountArgs{Address: p.Address, Password: p.Password})
		if err != nil && !mail.Is(err, mail.CodeExists) {
			return false, err
		}
	}
	return first, nil
}
