package pgembed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"postroom/internal/mail"
)

// pidFile is what postmaster.pid says (PostgreSQL's miscadmin.h: pid, data
// directory, start time, port, socket directory, listen address, shared memory
// key, status).
type pidFile struct {
	pid       int
	cluster   string
	socketDir string
	status    string
}

func readPIDFile(cluster string) (pidFile, error) {
	raw, err := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
	if err != nil {
		return pidFile{}, err
	}
	lines := strings.Split(string(raw), "\n")
	f := pidFile{cluster: cluster}
	if f.pid, err = strconv.Atoi(strings.TrimSpace(lines[0])); err != nil || f.pid <= 1 {
		return pidFile{}, fmt.Errorf("postmaster.pid holds no process id")
	}
	if len(lines) > 4 {
		f.socketDir = strings.TrimSpace(lines[4])
	}
	if len(lines) > 7 {
		f.status = strings.TrimSpace(lines[7])
	}
	return f, nil
}

// alive tells whether that process is this cluster's postmaster. A process id
// may have been given to another program since: the postmaster's working
// directory is its cluster.
func (f pidFile) alive() bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", f.pid))
	if err != nil {
		// Not ours to look into (another user's): the signal tells.
		return errors.Is(err, os.ErrPermission) && syscall.Kill(f.pid, 0) == nil
	}
	real, err := filepath.EvalSymlinks(f.cluster)
	return err == nil && cwd == real
}

// stopOrphan ends a postmaster that a killed postroom left behind. We hold the
// data directory's lock, so nobody else uses it; stopping instead of adopting
// gives the next one our settings and makes it our child.
func stopOrphan(ctx context.Context, p place, log *slog.Logger) error {
	f, err := readPIDFile(p.cluster)
	if err != nil {
		return nil
	}
	if !f.alive() {
		return removeStalePIDFile(f)
	}
	log.Warn("stopping the PostgreSQL that an earlier postroom left running", "pid", f.pid)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := syscall.Kill(f.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			e := mail.Wrap(mail.CodeUnavailable, err, fmt.Sprintf("the PostgreSQL left running (process %d) cannot be stopped", f.pid))
			e.Hint = fmt.Sprintf("stop it as its owner: kill -INT %d", f.pid)
			return e
		}
		if waitGone(ctx, f, 30*time.Second) {
			return nil
		}
	}
	e := mail.Errorf(mail.CodeUnavailable, "the PostgreSQL left running (process %d) does not end", f.pid)
	e.Hint = fmt.Sprintf("look at it, then: kill -9 %d", f.pid)
	return e
}

func waitGone(ctx context.Context, f pidFile, limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for f.alive() {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// removeStalePIDFile drops a file whose process id now belongs to another
// program: postgres would take that program for its postmaster and refuse.
func removeStalePIDFile(f pidFile) error {
	if err := syscall.Kill(f.pid, 0); errors.Is(err, syscall.ESRCH) {
		return nil // postgres itself sees that, and checks the shared memory too
	}
	return os.Remove(filepath.Join(f.cluster, "postmaster.pid"))
}
