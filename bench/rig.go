package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/pgembed"
)

const password = "bench-password-not-secret"

// rig is one instance on its own private PostgreSQL with accounts to fill.
type rig struct {
	instance *testbed.Instance
	dir      string
	database string // URL of the private PostgreSQL
	smtp     string
	imap     string
	pid      int
	tls      *tls.Config
	accounts []string
	settings map[string]string
}

// Settings of the instances. Without the checks of incoming mail, figures
// compare with those of a time when there were none.
const (
	quiet       = "log_level = \"warn\"\n"
	local       = "auth_without_tls = true\nlift_limits = true\n"
	withoutAsks = "checks = \"off\"\n"
)

// startRig starts postroom as `serve` does for anybody, with a private
// PostgreSQL, and adds the accounts. dns is host:port; "": no name exists.
func startRig(ctx context.Context, o options, settings, dns string) (*rig, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	inst, err := testbed.Start(ctx, testbed.Options{Binary: binary, Dir: dir, DNS: dns, Settings: local + settings})
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	r := &rig{instance: inst, dir: dir, smtp: inst.Ports.SMTP, imap: inst.Ports.IMAP, pid: inst.Pid()}
	if err := r.fill(ctx, o); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// tempDir makes a directory that PostgreSQL's own user can pass through.
func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "postroom-bench-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
}

func (r *rig) fill(ctx context.Context, o options) (err error) {
	if r.database, err = pgembed.URL(filepath.Join(r.dir, "data")); err != nil {
		return err
	}
	if r.tls, err = r.instance.TLS(); err != nil {
		return err
	}
	if err := r.instance.AddDomain("bench.test"); err != nil {
		return err
	}
	if r.accounts, err = addAccounts(r.instance, o.mailboxes, password); err != nil {
		return err
	}
	return r.readSettings(ctx)
}

// addAccounts adds n accounts of bench.test and gives their addresses.
func addAccounts(i *testbed.Instance, n int, password string) (out []string, err error) {
	var b strings.Builder
	b.WriteString("address,name,password,quota\n")
	for k := range n {
		a := fmt.Sprintf("user%03d@bench.test", k)
		out = append(out, a)
		fmt.Fprintf(&b, "%s,User %d,%s,\n", a, k, password)
	}
	list := filepath.Join(i.Dir, "accounts.csv")
	if err := os.WriteFile(list, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	_, err = i.CLI("", "account", "import", list)
	return out, err
}

// readSettings notes what makes commits durable, for the report.
func (r *rig) readSettings(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	r.settings = map[string]string{}
	for _, name := range []string{"server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers"} {
		var v string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&v); err != nil {
			return err
		}
		r.settings[name] = v
	}
	return nil
}

func (r *rig) login(account string) (*client.IMAP, error) { return r.loginWith(account, nil) }

func (r *rig) loginWith(account string, cfg *tls.Config) (*client.IMAP, error) {
	addr := r.imap
	if cfg != nil {
		addr = r.instance.Ports.IMAPS
	}
	c, err := client.DialIMAP(addr, cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Login(account, password); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// restart gives a process that has served nobody yet.
func (r *rig) restart(ctx context.Context) error {
	if err := r.instance.Stop(30 * time.Second); err != nil {
		return err
	}
	if err := r.instance.Start(ctx); err != nil {
		return err
	}
	r.pid = r.instance.Pid()
	return nil
}

func (r *rig) stop() {
	if err := r.instance.Stop(30 * time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	os.RemoveAll(r.dir)
}
