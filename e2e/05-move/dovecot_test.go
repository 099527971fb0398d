package move

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// dovecot starts Debian's Dovecot in a folder of the test's own and gives its
// address; its one account is old@example.test.
func dovecot(t *testing.T) string {
	t.Helper()
	// Not t.TempDir(): its login processes, which are nobody, must reach it.
	dir, err := os.MkdirTemp("", "dovecot-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mailDir := filepath.Join(dir, "mail")
	if err := os.Mkdir(mailDir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mailDir, 0o777); err != nil {
		t.Fatal(err)
	}
	addr, err := testbed.FreePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(dir, "dovecot.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, `base_dir = %[1]s/run
state_dir = %[1]s/state
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = %[1]s/log
mail_location = maildir:%[1]s/mail/box
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
  args = uid=mail gid=mail home=%[1]s/mail
}
`, dir, port, "old"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dovecot", "-F", "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	err = testbed.Until(t.Context(), 20*time.Second, func() error {
		c, err := client.DialIMAP(addr, nil)
		if err == nil {
			c.Close()
		}
		return err
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("dovecot: %v\n%s", err, log)
	}
	return addr
}
