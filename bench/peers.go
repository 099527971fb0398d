package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// peers is Debian's Postfix, delivering by LMTP to Debian's Dovecot, each with
// a configuration and folders of this run's own.
type peers struct {
	dir        string
	lmtp, imap string
	postfix    *postfix
	dovecot    *exec.Cmd
	mailDir    string
}

// startPeers starts both on free loopback ports; it needs root, as they do.
func startPeers(ctx context.Context, dir string) (*peers, error) {
	p := &peers{dir: dir, mailDir: filepath.Join(dir, "mail")}
	for _, addr := range []*string{&p.lmtp, &p.imap} {
		a, err := testbed.FreePort("127.0.0.1")
		if err != nil {
			return nil, err
		}
		*addr = a
	}
	if err := p.startDovecot(); err != nil {
		return nil, err
	}
	var err error
	p.postfix, err = startPostfix(ctx, dir, fmt.Sprintf(`mynetworks =
virtual_mailbox_domains = bench.test
virtual_mailbox_maps = static:any
virtual_transport = lmtp:inet:127.0.0.1:%s
lmtp_destination_concurrency_limit = 50
`, port(p.lmtp)))
	if err != nil {
		p.stop()
	}
	return p, err
}

func port(addr string) string {
	_, n, _ := net.SplitHostPort(addr)
	return n
}

func (p *peers) startDovecot() error {
	if err := os.Mkdir(p.mailDir, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(p.mailDir, 0o777); err != nil {
		return err
	}
	conf := filepath.Join(p.dir, "dovecot.conf")
	text := fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = %[1]s/dovecot.log
mail_location = maildir:%[2]s/%%u
first_valid_uid = 1
default_process_limit = 5000
default_client_limit = 20000
mail_max_userip_connections = 10000
service imap-login {
  chroot =
  service_count = 0
  client_limit = 2000
  inet_listener imap {
    port = %[3]s
  }
  inet_listener imaps {
    port = 0
  }
}
service imap {
  process_limit = 5000
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[4]s
  }
}
passdb {
  driver = static
  args = password=%[5]s
}
userdb {
  driver = static
  args = uid=mail gid=mail home=%[2]s/%%u
}
`, p.dir, p.mailDir, port(p.imap), port(p.lmtp), password)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return err
	}
	p.dovecot = exec.Command("dovecot", "-F", "-c", conf)
	return p.dovecot.Start()
}

func (p *peers) stop() {
	if p.postfix != nil {
		p.postfix.stop()
	}
	if p.dovecot != nil && p.dovecot.Process != nil {
		_ = p.dovecot.Process.Signal(os.Interrupt)
		_ = p.dovecot.Wait()
	}
}

// benchPeers measures the same load against Postfix with Dovecot, in turn with
// postroom's own.
func benchPeers(ctx context.Context, r *rig, o options) ([]figure, error) {
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := startPeers(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	other := &rig{smtp: p.postfix.smtp, imap: p.imap, accounts: r.accounts, pid: p.dovecot.Process.Pid}
	var ours, theirs, ratio []float64
	for range o.rounds {
		a, err := deliverRate(ctx, r, r.accounts, o.clients, o.seconds)
		if err != nil {
			return nil, err
		}
		b, err := deliverRate(ctx, other, r.accounts, o.clients, o.seconds)
		if err != nil {
			return nil, fmt.Errorf("postfix and dovecot: %w", err)
		}
		ours, theirs, ratio = append(ours, a), append(theirs, b), append(ratio, a/b)
	}
	out := []figure{
		summarise("visible deliveries", "messages/s", "", ours),
		summarise("the same by Postfix and Dovecot", "messages/s", "", theirs),
		summarise("ratio", "ours / theirs", "", ratio),
	}
	for _, x := range []struct {
		name string
		rig  *rig
	}{{"", r}, {"Postfix and Dovecot: ", other}} {
		figures, err := benchLatency(ctx, x.rig, o)
		if err != nil {
			return nil, err
		}
		each, err := growth(ctx, x.rig, o.idle, func(i int) (*client.IMAP, error) { return x.rig.idle(i, nil) })
		if err != nil {
			return nil, err
		}
		figures = append(figures, summarise("PSS per selected idle connection", "kB", "", []float64{each}))
		for _, f := range figures {
			f.Name, f.Goal = x.name+f.Name, ""
			out = append(out, f)
		}
	}
	return out, nil
}
