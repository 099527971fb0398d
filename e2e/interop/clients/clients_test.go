// Package clients drives real clients from Debian's packages, set up as
// README.md says, with TLS verified against the instance's CA file.
package clients

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

// server is the one instance that all cases talk to, each about a domain of
// its own.
var server *testbed.Instance

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "postroom-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = os.Chmod(dir, 0o711) // PostgreSQL's own user passes through
	}
	if err == nil {
		server, err = testbed.Start(context.Background(), testbed.Options{Dir: dir})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := server.Stop(30 * time.Second); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code != 0 {
		fmt.Fprintf(os.Stderr, "end of the log:\n%s\n", server.LogTail(30))
	}
	return code
}

// desk is a person's computer: an instance to talk to, a home folder, and two
// accounts.
type desk struct {
	*testbed.Instance
	home       string
	alice, bob string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	domain := strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + ".test"
	server.Company(t, domain, "alice", "bob")
	return &desk{server, t.TempDir(), "alice@" + domain, "bob@" + domain}
}

// port gives the number of an address's port.
func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// file writes a file in the home folder, 0600 as clients with passwords want.
func (d *desk) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(d.home, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a client with the home folder, at most two minutes.
func (d *desk) run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := d.try(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (d *desk) try(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "HOME="+d.home, "TERM=xterm", "LC_ALL=C.UTF-8")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// letter is a message from alice to bob.
func (d *desk) letter(subject string) string {
	return fmt.Sprintf("From: Alice <%s>\r\nTo: Bob <%s>\r\nSubject: %s\r\n\r\nDear Bob,\r\n.\r\nAlice\r\n", d.alice, d.bob, subject)
}

// arrived waits for a message with that subject in bob's mailbox.
func (d *desk) arrived(t *testing.T, mailbox, subject string) []byte {
	t.Helper()
	var found []byte
	err := testbed.Until(t.Context(), 20*time.Second, func() error {
		c, err := d.IMAPS(d.bob, testbed.Password)
		if err != nil {
			return err
		}
		defer c.Close()
		if n, _, err := c.Select(mailbox); err != nil || n == 0 {
			return fmt.Errorf("%s holds %d messages, %v", mailbox, n, err)
		}
		ms, err := c.Fetch("1:*")
		for _, m := range ms {
			if bytes.Contains(m.Body, []byte("Subject: "+subject+"\r\n")) {
				found = m.Body
				return nil
			}
		}
		return fmt.Errorf("%q is not in %s, %v", subject, mailbox, err)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
