package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"

	"postroom/cmd/postroom/server"
	"postroom/imapd"
	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/mail"
	"postroom/internal/pgembed"
	"postroom/internal/secret"
	"postroom/internal/spool"
	"postroom/store"
)

// globals are the flags of every command.
type globals struct {
	ConfigFile  string            `name:"config" placeholder:"FILE" help:"Configuration file (default /etc/postroom/postroom.toml)."`
	DataDir     string            `name:"data-dir" placeholder:"DIR" help:"Data directory."`
	DatabaseURL string            `name:"database-url" placeholder:"URL" help:"PostgreSQL to use instead of a private one. Passwords belong into the file or POSTROOM_DATABASE_URL."`
	Set         map[string]string `name:"set" placeholder:"KEY=VALUE" mapsep:"none" help:"Set any configuration key."`
	JSON        bool              `name:"json" help:"Print JSON."`
}

// env is what a command runs in.
type env struct {
	ctx context.Context
	streams
	globals
	terminal bool // stdout is one
	colours  bool // stdout shows them

	cfg     *config.Config
	closers []func()
}

func (e *env) close() {
	for i := len(e.closers) - 1; i >= 0; i-- {
		e.closers[i]()
	}
	e.closers = nil
}

// config reads the configuration once.
func (e *env) config() (*config.Config, error) {
	if e.cfg != nil {
		return e.cfg, nil
	}
	flags := map[string]string{}
	for k, v := range e.Set {
		flags[k] = v
	}
	if e.DataDir != "" {
		flags["data_dir"] = e.DataDir
	}
	if e.DatabaseURL != "" {
		flags["database_url"] = e.DatabaseURL
	}
	cfg, err := config.Load(config.Args{File: e.ConfigFile, Flags: flags, Environ: e.environ})
	e.cfg = cfg
	return cfg, err
}

// databaseURL gives the database a command works on: the configured one, or
// the private one that runs for the data directory. When none runs there, it is
// started for this command (alone is then true).
func (e *env) databaseURL() (url string, alone bool, err error) {
	cfg, err := e.config()
	if err != nil {
		return "", false, err
	}
	if cfg.DatabaseURL != "" {
		return cfg.DatabaseURL, false, nil
	}
	url, err = pgembed.URL(cfg.DataDir)
	if err == nil {
		return url, false, nil
	}
	if !errors.Is(err, pgembed.ErrNotRunning) {
		return "", false, err
	}
	if _, err := os.Stat(cfg.DataDir); err != nil {
		e2 := mail.Errorf(mail.CodeNotFound, "there is no data directory %s, and no database_url is set", cfg.DataDir)
		e2.Hint = "start the server once (postroom serve), or name its directory with --data-dir, or its database with --database-url"
		return "", false, e2
	}
	var pg *pgembed.Server
	err = e.working("starting PostgreSQL", func() (err error) {
		pg, err = pgembed.Start(e.ctx, pgembed.Config{DataDir: cfg.DataDir})
		return err
	})
	if err != nil {
		return "", false, err
	}
	e.closers = append(e.closers, func() { pg.Stop(context.Background()) })
	return pg.URL, true, nil
}

// store opens the database for an administrative command. It migrates only
// when no server can be running beside.
func (e *env) store() (*store.Store, error) {
	url, alone, err := e.databaseURL()
	if err != nil {
		return nil, err
	}
	s, err := store.Open(e.ctx, store.Config{URL: url, NodeName: "cli", Log: e.log(), MaxConns: 4, Committers: 1,
		NoMigrate: !alone, Decompress: spool.ReadChunk})
	if err != nil {
		return nil, err
	}
	e.closers = append(e.closers, s.Close)
	return s, nil
}

// masterKey finds the master key that this database's secrets are sealed
// under; it makes none, for only the server's first start does.
func (e *env) masterKey(s *store.Store) (*secret.Key, error) {
	cfg, err := e.config()
	if err != nil {
		return nil, err
	}
	key, _, err := admin.UnlockMasterKey(e.ctx, s, cfg.MasterKeyFile, e.masterKeyEnv(), false)
	return key, err
}

// admin gives the administrative actions without the master key.
func (e *env) admin() (*admin.Admin, error) {
	s, err := e.store()
	if err != nil {
		return nil, err
	}
	return admin.New(admin.Config{Store: s, Actor: e.actor(), ScramForPasswords: e.cfg.Scram == "all", Capability: capability}), nil
}

// capability reads an IMAP capability that can be left out.
func capability(text string) (string, error) {
	w, err := imapd.ParseWithout(text)
	return w.String(), err
}

// adminWithKey gives those that seal or open secrets too. On a database that
// no server has used yet it makes the key, as the server would.
func (e *env) adminWithKey() (*admin.Admin, error) {
	s, err := e.store()
	if err != nil {
		return nil, err
	}
	key, _, err := admin.UnlockMasterKey(e.ctx, s, e.cfg.MasterKeyFile, e.masterKeyEnv(), true)
	if err != nil {
		return nil, err
	}
	return admin.New(admin.Config{Store: s, Actor: e.actor(), Key: key, ScramForPasswords: e.cfg.Scram == "all"}), nil
}

func (e *env) masterKeyEnv() string { return server.MasterKeyEnv(e.environ) }

// log shows warnings of the rooms to whoever types the command.
func (e *env) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// actor names who types, for the audit log.
func (e *env) actor() mail.Actor {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	} else if os.Geteuid() >= 0 {
		name = fmt.Sprint(os.Geteuid())
	}
	return mail.Actor("cli:" + name)
}
