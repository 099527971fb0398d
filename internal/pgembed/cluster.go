package pgembed

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postroom/internal/mail"
)

// ensureCluster makes the cluster on first use and writes its configuration.
func (p place) ensureCluster(ctx context.Context, bin binaries, cfg Config) error {
	if _, err := os.Stat(filepath.Join(p.cluster, "PG_VERSION")); os.IsNotExist(err) {
		began := time.Now()
		if err := p.makeCluster(ctx, bin, cfg); err != nil {
			return err
		}
		cfg.Log.Info("made a private PostgreSQL cluster", "cluster", p.cluster, "major", bin.major,
			"took", time.Since(began).Round(time.Millisecond))
	}
	return p.writeConf(cfg)
}

// makeCluster runs initdb in a directory beside and renames it when all is
// done: a cluster that exists is complete, whenever we are killed.
func (p place) makeCluster(ctx context.Context, bin binaries, cfg Config) error {
	half := p.cluster + ".new"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := os.Mkdir(half, 0o700); err != nil {
		return mail.Wrap(mail.CodeUnavailable, err, "the cluster directory cannot be made")
	}
	if err := p.giveToOwner(half); err != nil {
		return err
	}
	// Only the files of an existing cluster must survive a power cut, so a
	// temporary one skips the sync.
	args := []string{"-D", half, "-U", roleName, "-E", "UTF8", "--locale=C", "--data-checksums", "--auth=peer"}
	if cfg.temporary {
		args = append(args, "--no-sync")
	}
	if err := p.run(ctx, "", bin.path("initdb"), args...); err != nil {
		return err
	}
	err := p.run(ctx, "CREATE DATABASE "+databaseName+"\n", bin.path("postgres"), "--single", "-D", half, "template1")
	if err != nil {
		return err
	}
	conf := filepath.Join(half, "postgresql.conf")
	f, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n# Written by postroom at every start; own settings go below this line.\ninclude = 'postroom.conf'\n")
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return err
	}
	return os.Rename(half, p.cluster)
}

// run executes one of PostgreSQL's programs as the cluster's owner; its output
// goes into the error.
func (p place) run(ctx context.Context, stdin, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", cleanEnv(), p.procAttr()
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		e := mail.Wrap(mail.CodeUnavailable, fmt.Errorf("%w: %s", err, lastLines(out.String(), 5)),
			filepath.Base(name)+" failed")
		e.Hint = "the message above is PostgreSQL's own; free disk space and the rights of " + p.dataDir + " are the usual causes"
		if strings.Contains(out.String(), "could not look up effective user ID") {
			e.Hint = "PostgreSQL wants its user to have a name: run postroom as one of /etc/passwd (useradd --system postroom), or set database_url"
		}
		return e
	}
	return nil
}

// procAttr drops root, and keeps a terminal's Ctrl-C away: the server decides
// when PostgreSQL stops.
func (p place) procAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if p.owner != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(p.owner.uid), Gid: uint32(p.owner.gid)}
	}
	return attr
}

// cleanEnv keeps PG* variables and locales of the caller out.
func cleanEnv() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}

// systemUser is the name the kernel's peer credentials resolve to.
func systemUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}
