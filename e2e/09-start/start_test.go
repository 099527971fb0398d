// Package start tries what the built program does at its start: beside
// another one, after a kill, and with the wrong key.
package start

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
	"postroom/internal/pgembed"
)

const alice = "alice@example.test"

// refused starts serve once more with a configuration and gives what it said
// when it ended.
func refused(t *testing.T, i *testbed.Instance, more ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), i.Binary, append([]string{"serve", "--config", i.Config}, more...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("serve %v ended with %v:\n%s", more, err, out)
	}
	return string(out)
}

func TestSecondServe(t *testing.T) {
	i := testbed.New(t, testbed.Options{})
	url, err := pgembed.URL(filepath.Join(i.Dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"--database-url", url}} {
		out := refused(t, i, more...)
		for _, want := range []string{fmt.Sprintf("another postroom (process %d) already serves the data directory", i.Pid()), "hint: stop the other one first", "--data-dir"} {
			if !strings.Contains(out, want) {
				t.Errorf("%v: it does not say %q:\n%s", more, want, out)
			}
		}
	}
	other := filepath.Join(testbed.Dir(t), "data")
	out := refused(t, i, "--data-dir", other)
	if !strings.Contains(out, "is in use by another program") || !strings.Contains(out, "hint: find it with: ss -ltnp") {
		t.Errorf("a port in use:\n%s", out)
	}
	if out, err := i.CLI("", "health"); err != nil {
		t.Errorf("the first one: %v %s", err, out)
	}
}

func TestMasterKey(t *testing.T) {
	i := testbed.Company(t, testbed.Options{}, "example.test", "alice")
	key := filepath.Join(i.Dir, "data", "master.key")
	st, err := os.Stat(key)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	if _, err := i.CLI("", "key", "rotate"); err != nil {
		t.Fatal(err)
	}
	// The running server finds the new key by itself.
	if r, err := i.Submit(alice, testbed.Password, []string{alice}, []byte("From: "+alice+"\r\n\r\nHi.\r\n")); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	if got := i.Mailbox(t, alice, "INBOX"); len(got) != 1 || bytes.Count(got[0], []byte("DKIM-Signature:")) != 2 {
		t.Errorf("after the rotation: %s", got)
	}
	if err := i.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{key, key + ".previous"} {
		if err := os.Remove(left); err != nil {
			t.Fatal(err)
		}
	}
	if out := refused(t, i); !strings.Contains(out, "the master key is missing") || !strings.Contains(out, "postroom key rotate --lost") {
		t.Errorf("without a key:\n%s", out)
	}
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("another!"), 4))
	if err := os.WriteFile(key, []byte(other+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := refused(t, i)
	if !strings.Contains(out, "hint:") || !strings.Contains(out, "is not the one that seals") || strings.Contains(out, other) {
		t.Errorf("with another key:\n%s", out)
	}
	if err := os.WriteFile(key, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.Start(t.Context()); err != nil {
		t.Errorf("with its own key again: %v", err)
	}
}

// Two servers of one host name share a database: neither takes what the other
// is just sending for the leavings of a dead one.
func TestTwoServersWithOneName(t *testing.T) {
	dns, far := dnstest.New(t), &testbed.Outside{}
	port, err := testbed.CommonPort("127.0.9.1", "127.0.9.2", "127.0.9.3")
	if err != nil {
		t.Fatal(err)
	}
	far.Listen(t, fmt.Sprintf("127.0.9.3:%d", port))
	dns.Add("far.example. 60 IN A 127.0.9.3")
	reached, goOn := make(chan struct{}, 100), make(chan struct{})
	far.Refuse(func(string) error {
		reached <- struct{}{}
		<-goOn
		return nil
	})
	o := testbed.Options{Host: "127.0.9.1", DNS: dns.Addr(), Relay: port, Settings: "lift_limits = true"}
	a := testbed.Company(t, o, "example.test", "alice")
	if r, err := a.Submit(alice, testbed.Password, []string{"friend@far.example"}, []byte("From: "+alice+"\r\n\r\nHi.\r\n")); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	<-reached // a is in the middle of it
	o.Host = "127.0.9.2"
	if o.Database, err = pgembed.URL(filepath.Join(a.Dir, "data")); err != nil {
		t.Fatal(err)
	}
	o.Settings += "\nmaster_key_file = \"" + filepath.Join(a.Dir, "data", "master.key") + "\""
	b := testbed.New(t, o)
	if out, err := b.CLI("", "queue", "list", "--state", "leased"); err != nil || !strings.Contains(out, "friend@far.example") {
		t.Errorf("the lease is gone: %q %v", out, err)
	}
	close(goOn)
	empty(t, b)
	if n := len(far.Arrived()); n != 1 || len(reached) != 0 {
		t.Errorf("sent %d times, begun %d times more", n, len(reached))
	}
	if err := b.Stop(30 * time.Second); err != nil { // before its database
		t.Error(err)
	}
}

func empty(t *testing.T, i *testbed.Instance) {
	t.Helper()
	err := testbed.Until(t.Context(), 30*time.Second, func() error {
		if out, err := i.CLI("", "queue", "list"); err != nil || out != "" {
			return fmt.Errorf("in the queue: %s %v", out, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// After a kill the next start ends the orphaned PostgreSQL and takes back at
// once what the dead one had leased.
func TestStartAfterKill(t *testing.T) {
	dns, far := dnstest.New(t), &testbed.Outside{}
	port, err := testbed.CommonPort("127.0.9.4", "127.0.9.5")
	if err != nil {
		t.Fatal(err)
	}
	far.Listen(t, fmt.Sprintf("127.0.9.5:%d", port))
	dns.Add("far.example. 60 IN A 127.0.9.5")
	reached, goOn := make(chan struct{}, 100), make(chan struct{})
	far.Refuse(func(string) error {
		reached <- struct{}{}
		<-goOn
		return nil
	})
	i := testbed.Company(t, testbed.Options{Host: "127.0.9.4", DNS: dns.Addr(), Relay: port, Settings: "lift_limits = true"}, "example.test", "alice")
	if r, err := i.Submit(alice, testbed.Password, []string{"friend@far.example"}, []byte("From: "+alice+"\r\n\r\nHi.\r\n")); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	<-reached
	i.Kill()
	far.Refuse(nil)
	close(goOn)
	if err := i.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The dead one's lease would last for minutes: that the queue is empty soon
	// shows that it was taken back.
	if _, err := i.CLI("", "queue", "retry", "--all"); err != nil {
		t.Error(err)
	}
	empty(t, i)
	if n := len(far.Arrived()); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// A server outlives whoever reads its log.
func TestLogReaderGoesAway(t *testing.T) {
	i := testbed.New(t, testbed.Options{})
	if err := i.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(i.Binary, "serve", "--config", i.Config)
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	err = testbed.Until(t.Context(), 30*time.Second, func() error {
		_, err := i.CLI("", "health")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for range 3 { // each connection is a line
		if c, _, err := client.DialSMTP(i.Ports.SMTP, nil); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
