package doctext

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program makes a Program of a shell script, with temporary files where the
// test sees them.
func program(t *testing.T, script string) *Program {
	t.Helper()
	dir, err := os.MkdirTemp("", "postroom-doctext-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "script")
	if err := errors.Join(os.Chmod(dir, 0o777), os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755)); err != nil {
		t.Fatal(err)
	}
	p, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	p.tmp = dir
	return p
}

func TestTextOfAProgram(t *testing.T) {
	t.Setenv("POSTROOM_MASTER_KEY", "secret")
	p := program(t, `cat >"$TMPDIR/f"; echo "type $1"; cat f; printf 'x\000\377y'; env`)
	text, err := p.Text(t.Context(), "application/pdf", strings.NewReader("of a file\n"))
	if err != nil || !strings.HasPrefix(text, "type application/pdf\nof a file\nx  y") {
		t.Errorf("%q, %v", text, err)
	}
	if strings.Contains(text, "secret") || strings.Contains(text, "POSTROOM") {
		t.Errorf("it sees the server's environment: %q", text)
	}
	if left, _ := filepath.Glob(filepath.Join(p.tmp, "postroom-text-*")); len(left) > 0 {
		t.Errorf("its files stay: %v", left)
	}
}

func TestLongTextIsCut(t *testing.T) {
	text, err := program(t, "cat >/dev/null; yes äöüß").Text(t.Context(), "a/b", strings.NewReader(""))
	if err != nil || len(text) < MaxText-4 || !strings.HasPrefix(strings.Repeat("äöüß\n", MaxText/9+1), text) {
		t.Errorf("%d octets, the last are %q, %v", len(text), text[max(0, len(text)-12):], err)
	}
}

func TestProgramsThatFail(t *testing.T) {
	big := bytes.NewReader(make([]byte, MaxFile+1))
	for name, c := range map[string]struct {
		script, want string
		file         *bytes.Reader
	}{
		"exit status": {"cat >/dev/null; echo half; echo no such thing >&2; exit 3", "exit status 3: no such thing", bytes.NewReader(nil)},
		"time":        {"sleep 60", "took longer than", bytes.NewReader(nil)},
		"large file":  {"cat >/dev/null", "larger than", big},
	} {
		p := program(t, c.script)
		if name == "time" {
			p.time = 200 * time.Millisecond
		}
		if text, err := p.Text(t.Context(), "a/b", c.file); err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrGone) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// The limits bind what the program starts, too.
func TestProgramIsLimited(t *testing.T) {
	text, err := program(t, `cat >/dev/null; sh -c "ulimit -v; ulimit -c; ulimit -t; cat /proc/self/stat | cut -d' ' -f19"`).Text(t.Context(), "a/b", strings.NewReader(""))
	if want := "1048576\n0\n60\n15\n"; err != nil || text != want {
		t.Errorf("memory, core, time and priority are %q, %v", text, err)
	}
}

// What the program started ends with it.
func TestProgramLeavesNothingRunning(t *testing.T) {
	p := program(t, `cat >/dev/null; sleep 300 >/dev/null 2>&1 & echo $!`)
	text, err := p.Text(t.Context(), "a/b", strings.NewReader(""))
	pid, _ := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || pid == 0 {
		t.Fatalf("%q, %v", text, err)
	}
	for until := time.Now().Add(10 * time.Second); ; {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		if time.Now().After(until) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("a process of the program runs on")
		}
	}
}

func TestProgramThatIsNone(t *testing.T) {
	for _, path := range []string{"pdftotext", "/nonexistent", "/etc", "/etc/passwd"} {
		if _, err := New(path); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
	p := program(t, "")
	if err := os.Remove(p.path); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Text(t.Context(), "a/b", strings.NewReader("")); !errors.Is(err, ErrGone) {
		t.Errorf("after it was removed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := program(t, "cat").Text(ctx, "a/b", strings.NewReader("")); !errors.Is(err, context.Canceled) {
		t.Errorf("when the server stops: %v", err)
	}
}
