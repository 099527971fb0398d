package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// postfix is Debian's Postfix with a configuration, queue and port of this
// run's own. It needs root.
type postfix struct{ conf, queue, smtp string }

// openDir makes a directory that the users of Postfix and Dovecot can read.
func openDir() (string, error) {
	dir, err := os.MkdirTemp("", "postroom-peers-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// startPostfix starts it on a free loopback port, with lines of main.cf that
// say where mail goes, and waits for its greeting.
func startPostfix(ctx context.Context, dir, lines string) (*postfix, error) {
	smtp, err := testbed.FreePort("127.0.0.1")
	if err != nil {
		return nil, err
	}
	p := &postfix{conf: filepath.Join(dir, "postfix"), queue: filepath.Join(dir, "queue"), smtp: smtp}
	if err := p.configure(ctx, dir, lines); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "postfix", "-c", p.conf, "start").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("postfix: %w: %s", err, out)
	}
	err = testbed.Until(ctx, 30*time.Second, func() error {
		c, _, err := client.DialSMTP(p.smtp, nil)
		if err == nil {
			c.Close()
		}
		return err
	})
	if err != nil {
		p.stop()
	}
	return p, err
}

func (p *postfix) configure(ctx context.Context, dir, lines string) error {
	data := filepath.Join(dir, "postfix-data")
	for _, d := range []string{p.conf, p.queue, data} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.CommandContext(ctx, "chown", "postfix", data).CombinedOutput(); err != nil {
		return fmt.Errorf("chown: %w: %s", err, out)
	}
	main := fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s
data_directory = %[2]s
maillog_file = %[3]s/postfix.log
maillog_file_prefixes = %[3]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = peer.bench.example
mydestination =
smtpd_client_connection_count_limit = 0
alias_maps =
`, p.queue, data, dir) + lines
	if err := os.WriteFile(filepath.Join(p.conf, "main.cf"), []byte(main), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.conf, "master.cf"), []byte(masterCf(port(p.smtp))), 0o644)
}

// pid is the process id of Postfix's master.
func (p *postfix) pid() (int, error) {
	b, err := os.ReadFile(filepath.Join(p.queue, "pid", "master.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

func (p *postfix) stop() {
	_ = exec.Command("postfix", "-c", p.conf, "stop").Run()
}

// masterCf lists Postfix's services, none in a chroot.
func masterCf(smtpPort string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "127.0.0.1:%s inet n - n - 200 smtpd\n", smtpPort)
	for _, s := range []string{
		"pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr",
		"tlsmgr unix - - n 1000? 1 tlsmgr", "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
		"defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "verify unix - - n - 1 verify",
		"flush unix n - n 1000? 0 flush", "proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp",
		"relay unix - - n - - smtp", "showq unix n - n - - showq", "error unix - - n - - error",
		"retry unix - - n - - error", "discard unix - - n - - discard", "local unix - n n - - local",
		"virtual unix - n n - - virtual", "lmtp unix - - n - 50 lmtp", "anvil unix - - n - 1 anvil",
		"scache unix - - n - 1 scache", "postlog unix-dgram n - n - 1 postlogd",
	} {
		b.WriteString(s + "\n")
	}
	return b.String()
}
