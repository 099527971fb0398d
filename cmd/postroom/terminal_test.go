package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"postroom/store/storetest"
)

// terminal is a pseudo-terminal (pty(7)): what a program writes to it is read
// back by read, once it is closed.
type terminal struct {
	*os.File
	read func() string
}

func openTerminal(t *testing.T) terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var number, unlock uint32
	ioctl := func(request uintptr, arg *uint32) {
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(arg))); e != 0 {
			t.Fatal(e)
		}
	}
	ioctl(syscall.TIOCSPTLCK, &unlock)
	ioctl(syscall.TIOCGPTN, &number)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(master) // EIO at the end: the other side is closed
		text <- string(all)
	}()
	t.Cleanup(func() { slave.Close(); master.Close() })
	return terminal{slave, func() string { slave.Close(); return <-text }}
}

// controls are the octets that mean something to a terminal alone.
var controls = regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f]")

// TestColours: on a terminal aligned and coloured unless NO_COLOR says no, in a
// pipe without any control character.
func TestColours(t *testing.T) {
	environ := []string{"POSTROOM_DATABASE_URL=" + storetest.Database(t), "POSTROOM_DATA_DIR=" + t.TempDir(), "POSTROOM_HOSTNAME=mail.example.org"}
	plain := func(args ...string) string {
		var out, errOut bytes.Buffer
		run(context.Background(), args, streams{in: strings.NewReader(""), out: &out, err: &errOut, environ: environ})
		return out.String() + errOut.String()
	}
	coloured := func(environ []string, args ...string) string {
		tty := openTerminal(t)
		run(context.Background(), args, streams{in: strings.NewReader(""), out: tty.File, err: tty.File, environ: environ})
		return tty.read()
	}
	plain("domain", "add", "example.org")
	plain("account", "add", "alice@example.org", "--no-password")
	cases := []struct{ args, want string }{
		{"account list", "\x1b[1mACCOUNT\x1b[0m"},
		{"account list", "\x1b[32mactive\x1b[0m"},
		{"account show alice@example.org", "\x1b[32mactive\x1b[0m"},
		{"check --no-dns", "\x1b[33mwarning\x1b[0m  certificate"},
		{"account show nobody@example.org", "\x1b[31merror:\x1b[0m"},
	}
	for _, c := range cases {
		args := strings.Fields(c.args)
		if got := coloured(environ, args...); !strings.Contains(got, c.want) {
			t.Errorf("%s on a terminal has no %q:\n%q", c.args, c.want, got)
		}
		for _, off := range []string{"NO_COLOR=1", "TERM=dumb"} {
			if got := strings.ReplaceAll(coloured(append(environ, off), args...), "\r\n", "\n"); got == "" || controls.MatchString(got) {
				t.Errorf("%s with %s:\n%q", c.args, off, got)
			}
		}
		if got := plain(args...); got == "" || controls.MatchString(got) {
			t.Errorf("%s in a pipe:\n%q", c.args, got)
		}
	}
}

// TestProgress: nothing in the first second, then a bar in one line that ends
// without a trace; log lines stand above it.
func TestProgress(t *testing.T) {
	var screen bytes.Buffer
	drawn := func(p *progress, after time.Duration) string {
		screen.Reset()
		p.draw(p.began.Add(after))
		return screen.String()
	}
	p := &progress{w: &screen, label: "accounts", began: time.Now()}
	p.at(50, 200)
	if got := drawn(p, 900*time.Millisecond); got != "" {
		t.Errorf("before a second: %q", got)
	}
	if got := drawn(p, 1100*time.Millisecond); got != "\r\x1b[Kaccounts [#######.......................] 50/200" {
		t.Errorf("a quarter done: %q", got)
	}
	p.at(200, 200)
	if got := drawn(p, 2*time.Second); !strings.Contains(got, "["+strings.Repeat("#", 30)+"] 200/200") {
		t.Errorf("all done: %q", got)
	}
	screen.Reset()
	fmt.Fprintln(p, "a log line")
	if got := screen.String(); got != "\r\x1b[Ka log line\n" {
		t.Errorf("a log line: %q", got)
	}
	if got := drawn(p, 3*time.Second); got == "" {
		t.Error("no bar after a log line")
	}
	screen.Reset()
	p.end()
	if got := screen.String(); got != "\r\x1b[K" {
		t.Errorf("the end: %q", got)
	}

	p = &progress{w: &screen, label: "purging", began: time.Now()}
	first := drawn(p, 1100*time.Millisecond)
	if next := drawn(p, 1300*time.Millisecond); !strings.Contains(first, "purging [") || !strings.Contains(first, "] 1 s") || first == next {
		t.Errorf("a bar of unknown length: %q then %q", first, next)
	}
}

// TestBarOnATerminalOnly: the same work shows its bar there and nothing
// in a pipe.
func TestBarOnATerminalOnly(t *testing.T) {
	work := func(w io.Writer) {
		e := &env{streams: streams{err: w}}
		p := e.progress("working")
		p.mu.Lock()
		p.began = p.began.Add(-time.Hour)
		p.mu.Unlock()
		for shown := p.stop == nil; !shown; { // a tick comes every 100 ms
			p.mu.Lock()
			shown = p.shown
			p.mu.Unlock()
		}
		p.end()
	}
	tty := openTerminal(t)
	work(tty.File)
	if got := tty.read(); !strings.Contains(got, "working [") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("on a terminal: %q", got)
	}
	var pipe bytes.Buffer
	work(&pipe)
	if pipe.Len() > 0 {
		t.Errorf("in a pipe: %q", pipe.String())
	}
}
