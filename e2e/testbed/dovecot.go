package testbed

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"postroom/e2e/client"
)

// DovecotPassword is every account's of Dovecot.
const DovecotPassword = "old"

// dovecotConfig takes the folder, the port, the password, and more settings.
const dovecotConfig = `base_dir = %[1]s/run
state_dir = %[1]s/state
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = %[1]s/log
mail_location = maildir:~/box
first_valid_uid = 1
default_login_user = dovenull
default_internal_user = dovecot
service imap-login {
  chroot =
  inet_listener imap {
    port = %[2]s
  }
  inet_listener imaps {
    port = 0
  }
}
passdb {
  driver = static
  args = password=%[3]s
}
userdb {
  driver = static
  args = uid=mail gid=mail home=%[1]s/mail/%%u
}
%[4]s`

// Dovecot starts Debian's Dovecot for a test, with IMAP alone and a folder of
// its own, and gives its address. Any name is an account, with
// DovecotPassword. Settings come last in its configuration.
func Dovecot(t testing.TB, settings string) string {
	t.Helper()
	dir := dovecotDir(t)
	addr, err := FreePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(dir, "dovecot.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, dovecotConfig, dir, port, DovecotPassword, settings), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dovecot", "-F", "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if log, _ := os.ReadFile(filepath.Join(dir, "log")); t.Failed() {
			t.Logf("Dovecot's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	err = Until(t.Context(), 20*time.Second, func() error {
		c, err := client.DialIMAP(addr, nil)
		if err == nil {
			c.Close()
		}
		return err
	})
	if err != nil {
		t.Fatalf("dovecot: %v", err)
	}
	return addr
}

// dovecotDir makes a folder that Dovecot's own users can reach.
func dovecotDir(t testing.TB) string {
	t.Helper()
	// Not t.TempDir(): its login processes, which are nobody, must reach it.
	dir, err := os.MkdirTemp("", "dovecot-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	mailDir := filepath.Join(dir, "mail")
	if err := os.Mkdir(mailDir, 0o777); err != nil {
		t.Fatal(err)
	}
	for d, mode := range map[string]os.FileMode{dir: 0o755, mailDir: 0o777} {
		if err := os.Chmod(d, mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
