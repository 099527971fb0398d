package queue

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/delivery/queue"
	"postroom/e2e/testbed"
)

// swallow makes a socket to which connections time out, as they do when a
// provider drops them: its backlog is full and nobody accepts.
func swallow(t *testing.T, ip [4]byte, port int) {
	t.Helper()
	at := &syscall.SockaddrInet4{Addr: ip, Port: port}
	open := func() int {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(fd) })
		return fd
	}
	l := open()
	if err := syscall.Bind(l, at); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(l, 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := syscall.Connect(open(), at); err != nil && err != syscall.EINPROGRESS {
			t.Fatal(err)
		}
	}
}

func blockedPort(t *testing.T, o *office) {
	for _, domain := range o.nothing {
		o.submit(t, "<"+alice+">", "<x@"+domain+">", "into the void")
	}
	err := testbed.Until(t.Context(), 90*time.Second, func() error {
		log, err := os.ReadFile(o.Log)
		if err == nil && !strings.Contains(string(log), queue.BlockedText) {
			err = fmt.Errorf("the log does not say %q", queue.BlockedText)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"queue", "list"}, {"queue", "list", "--json"}, {"check", "--no-dns"}} {
		out, _ := exec.Command(o.Binary, append(args, "--config", o.Config)...).CombinedOutput()
		if !strings.Contains(string(out), "outbound port 25 seems blocked; set a smarthost") {
			t.Errorf("%v does not say so:\n%s", args, out)
		}
	}
	o.submit(t, "<"+alice+">", "<friend@far.example>", "one that gets out")
	err = testbed.Until(t.Context(), 20*time.Second, func() error {
		out, _ := exec.Command(o.Binary, "queue", "list", "--config", o.Config).CombinedOutput()
		if strings.Contains(string(out), queue.BlockedText) {
			return fmt.Errorf("still: %s", out)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
