package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"postroom/cmd/postroom/server"
	"postroom/delivery/queue"
	"postroom/internal/config"
	"postroom/internal/mail"
	"postroom/internal/zone"
	"postroom/store"
)

type checkCmd struct {
	Domain string `arg:"" optional:"" help:"Check what the rest of the world sees of this domain: each DNS record, reverse names, block lists, port 25, relaying."`
	All    bool   `help:"The same for all domains."`
	NoDNS  bool   `name:"no-dns" help:"Leave the DNS of hostname and domains alone."`
}

// The levels of findings.
const (
	levelOK   = string(zone.LevelOK)
	levelNote = string(zone.LevelNote)
	levelWarn = string(zone.LevelWarning)
	levelFail = string(zone.LevelError)
)

// finding is one thing that check looked at.
type finding struct {
	Area   string       `json:"area"`
	Level  string       `json:"level"`
	Text   string       `json:"text"`
	Hint   string       `json:"hint,omitempty"`
	Domain string       `json:"domain,omitempty"`
	Record *zone.Result `json:"record,omitempty"` // of the area dns
}

// checker collects findings.
type checker struct {
	e        *env
	cfg      *config.Config
	findings []finding
	told     map[string]bool // records that were compared, by their line
	bar      *progress
}

func (c *checker) add(area, level, text, hint string) {
	c.findings = append(c.findings, finding{Area: area, Level: level, Text: text, Hint: hint})
}

// failed notes an error with the hint that it carries.
func (c *checker) failed(area string, err error) {
	hint := ""
	if e, ok := err.(*mail.Error); ok {
		hint = e.Hint
	}
	c.add(area, levelFail, err.Error(), hint)
}

func (cmd checkCmd) Run(e *env) error {
	c := &checker{e: e, told: map[string]bool{}}
	cfg, err := e.config()
	if err != nil {
		c.failed("settings", err)
		return c.print()
	}
	c.cfg = cfg
	if cmd.Domain != "" || cmd.All {
		return cmd.world(c)
	}
	c.settings()
	running := c.server()
	s := c.database()
	c.bar = e.progress("checking")
	c.masterKey(s)
	c.certificates(s)
	c.ports(running)
	if s != nil {
		c.queue(s)
		c.clock(s)
		c.searchIndex(s)
		if !cmd.NoDNS {
			c.dns(s)
		}
	}
	c.bar.end()
	return c.print()
}

func (c *checker) print() error {
	bad := 0
	var rows [][]string
	for _, f := range c.findings {
		if f.Level == levelFail {
			bad++
		}
		rows = append(rows, []string{f.Level, f.Area, f.Text})
		if f.Hint != "" && f.Level != levelOK {
			rows = append(rows, []string{"", "", "hint: " + f.Hint})
		}
	}
	err := c.e.result(c.findings, func() { c.e.table([]string{"level", "area", "finding"}, rows) })
	if err == nil && bad > 0 {
		return errSilent
	}
	return err
}

func (c *checker) settings() {
	where := "defaults and variables only"
	for _, v := range c.cfg.Values() {
		if file, _, ok := strings.Cut(v.Source, ":"); ok && strings.HasPrefix(file, "/") {
			where = file
			break
		}
	}
	c.add("settings", levelOK, "read: "+where, "")
	for _, w := range c.cfg.Warnings {
		c.add("settings", levelWarn, w, "postroom config lists every key")
	}
	if !strings.Contains(c.cfg.Hostname, ".") {
		c.add("settings", levelWarn, fmt.Sprintf("hostname %q has no domain: other servers distrust such names", c.cfg.Hostname),
			"set hostname to the name that your MX record points to")
	}
	if c.cfg.AuthWithoutTLS || c.cfg.LiftLimits {
		c.add("settings", levelWarn, "auth_without_tls or lift_limits is set", "they are for tests and benches; they act on loopback peers only")
	}
	for _, g := range server.Gateways(c.cfg) {
		c.add("settings", levelNote, fmt.Sprintf("this is a container: clients that the engine carries by its proxy appear as the gateway %s, which has no per-address limits (those per account stay)", g),
			"publish ports over IPv4 only, or use deploy/docker-compose.host.yml, so that every client has its own address")
	}
}

func (c *checker) server() bool {
	ctx, cancel := context.WithTimeout(c.e.ctx, checkTime)
	defer cancel()
	h, err := server.AskHealth(ctx, c.cfg.DataDir)
	switch {
	case err != nil:
		c.add("server", levelNote, "no server runs on "+c.cfg.DataDir, "start it with: postroom serve")
	case !h.OK:
		c.add("server", levelFail, "the server runs, but its database is away: "+h.Database, "see its log")
	default:
		c.add("server", levelOK, "runs since "+h.Uptime, "")
	}
	return err == nil
}

func (c *checker) database() *store.Store {
	s, err := c.e.store()
	if err != nil {
		c.failed("database", err)
		return nil
	}
	if err := s.CheckDurability(c.e.ctx); err != nil {
		c.failed("database", err)
		return s
	}
	c.add("database", levelOK, "reached; schema fits; commits are durable", "")
	return s
}

func (c *checker) masterKey(s *store.Store) {
	if s == nil {
		return
	}
	if _, err := c.e.masterKey(s); err != nil {
		c.failed("master key", err)
		return
	}
	if c.e.masterKeyEnv() == "" {
		if st, err := os.Stat(c.cfg.MasterKeyFile); err == nil && st.Mode().Perm()&0o077 != 0 {
			c.add("master key", levelFail, fmt.Sprintf("%s can be read by others (%v)", c.cfg.MasterKeyFile, st.Mode().Perm()),
				"chmod 600 "+c.cfg.MasterKeyFile)
			return
		}
	}
	c.add("master key", levelOK, "there, and fits the database", "")
}

func (c *checker) queue(s *store.Store) {
	var b queue.Blocked
	if ok, err := s.Setting(c.e.ctx, queue.SettingBlocked, &b); err == nil && ok && !b.Since.IsZero() {
		c.add("queue", levelFail, queue.BlockedText+" (since "+when(b.Since)+")",
			"ask your provider to open it, or: postroom smarthost add HOST")
	}
}

// tlsDir is where the self-signed certificate stands.
func (c *checker) tlsDir() string { return filepath.Join(c.cfg.DataDir, "tls") }
