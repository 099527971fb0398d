package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"postroom/internal/mail"
)

// postmaster is the running server process, our child.
type postmaster struct {
	pid  int
	done chan struct{} // closed when it has ended and been reaped
}

// startWait bounds a start; crash recovery of a large WAL takes its time.
const startWait = 5 * time.Minute

// startPostmaster starts the server and waits until it takes connections.
func (s *Server) startPostmaster(ctx context.Context) (*postmaster, error) {
	// After a kill -9 of the postmaster its backends need a moment to notice;
	// until then the shared memory is "still in use".
	deadline := time.Now().Add(20 * time.Second)
	for {
		p, err := s.launch(ctx)
		if err == nil || time.Now().After(deadline) || !strings.Contains(err.Error(), "shared memory block") {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *Server) launch(ctx context.Context) (*postmaster, error) {
	logSize, out, err := openLog(s.place.logFile())
	if err != nil {
		return nil, mail.Wrap(mail.CodeUnavailable, err, "PostgreSQL's log file cannot be opened")
	}
	defer out.Close()
	cmd := exec.Command(s.bin.path("postgres"), "-D", s.place.cluster)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", cleanEnv(), s.place.procAttr()
	cmd.Stdout, cmd.Stderr = out, out
	p, err := spawn(cmd, s.cfg.temporary)
	if err != nil {
		return nil, mail.Wrap(mail.CodeUnavailable, err, "PostgreSQL cannot be started")
	}
	err = s.waitReady(ctx, p)
	if err == nil {
		return p, nil
	}
	p.stop(ctx)
	raw, _ := os.ReadFile(s.place.logFile())
	if int64(len(raw)) > logSize {
		err = fmt.Errorf("%w: %s", err, lastLines(string(raw[logSize:]), 4))
	}
	e := mail.Wrap(mail.CodeUnavailable, err, "the private PostgreSQL did not start")
	e.Hint = "its own log is " + s.place.logFile()
	return nil, e
}

// spawn starts cmd and reaps it. A temporary cluster dies with us: the kernel
// sends that signal when the parent thread ends, so the thread is kept.
func spawn(cmd *exec.Cmd, dieWithUs bool) (*postmaster, error) {
	p := &postmaster{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		if dieWithUs {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
		}
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		cmd.Wait()
		close(p.done)
	}()
	return p, <-started
}

func (s *Server) waitReady(ctx context.Context, p *postmaster) error {
	limit := time.After(startWait)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return errors.New("it takes no connections after " + startWait.String())
		case <-p.done:
			return errors.New("it ended at once")
		case <-tick.C:
			f, err := readPIDFile(s.place.cluster)
			if err == nil && f.pid == p.pid && f.status == "ready" {
				return nil
			}
		}
	}
}

// stop ends the postmaster: SIGINT (fast shutdown), SIGQUIT (immediate: the
// next start recovers) when ctx or 30 seconds end first, at last SIGKILL.
func (p *postmaster) stop(ctx context.Context) error {
	steps := []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGINT, 30 * time.Second}, {syscall.SIGQUIT, 10 * time.Second}, {syscall.SIGKILL, 5 * time.Second}}
	for i, st := range steps {
		select {
		case <-p.done:
			return nil
		default:
		}
		if err := syscall.Kill(p.pid, st.sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		var early <-chan struct{}
		if i == 0 {
			early = ctx.Done()
		}
		select {
		case <-p.done:
			return nil
		case <-early:
		case <-time.After(st.wait):
		}
	}
	return errors.New("PostgreSQL does not end")
}

// maxLog is the size at which an old log is dropped at the next start.
const maxLog = 16 << 20

func openLog(path string) (int64, *os.File, error) {
	if st, err := os.Stat(path); err == nil && st.Size() > maxLog {
		os.Rename(path, path+".old")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return 0, nil, err
	}
	return st.Size(), f, nil
}
