package compose

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// TestBackup is docs/backup.md: a dump and the master key while mail flows,
// everything removed, restored into empty volumes.
func TestBackup(t *testing.T) {
	p := newProject(t, "docker-compose.yml")
	p.run("", "up", "-d", "--build")
	p.untilHealthy()
	p.company()
	before := [][]byte{letter(1), letter(2), letter(3)}
	for _, m := range before {
		p.submit("bob@"+domain, m)
	}
	p.postroom("", "smarthost", "set", "127.0.0.1", "--port", "1", "--tls", "none") // where nothing listens: it stays in the queue
	p.submit("somebody@never.invalid", letter(4))
	validity := p.uidValidity()

	flow := make(chan struct{})
	flowing := p.keepSending(flow)
	dump := p.run("", "exec", "-T", "database", "pg_dump", "-U", "postroom", "-Fc", "postroom")
	key := p.run("", "exec", "-T", "postroom", "cat", "/var/lib/postroom/master.key")
	close(flow)
	if n := <-flowing; n == 0 {
		t.Error("no mail flowed during the dump")
	}

	p.run("", "down", "-v")
	p.run("", "up", "-d", "database")
	err := testbed.Until(context.Background(), time.Minute, func() error {
		return p.command(context.Background(), "exec", "-T", "database", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postroom", "-d", "postroom").Run()
	})
	if err != nil {
		t.Fatal(err)
	}
	p.run(dump, "exec", "-T", "database", "pg_restore", "-U", "postroom", "-d", "postroom")
	p.run(key, "run", "--rm", "-T", "--no-deps", "--entrypoint", "sh", "postroom", "-c", "umask 077; cat >/var/lib/postroom/master.key")
	p.run("", "run", "--rm", "-T", "postroom", "after-restore", "--yes")
	p.run("", "up", "-d")
	p.untilHealthy()

	got := p.inbox()
	for i, m := range before {
		n := 0
		for _, g := range got {
			if bytes.HasSuffix(g, m) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("letter %d from before the dump is there %d times", i+1, n)
		}
	}
	if v := p.uidValidity(); v == validity {
		t.Errorf("INBOX has the UIDVALIDITY %s from before: a client could show a wrong message", v)
	}
	if out := p.postroom("", "queue", "list", "--json"); !strings.Contains(out, "somebody@never.invalid") || !strings.Contains(out, `"held"`) {
		t.Errorf("the queue does not wait for review: %s", out)
	}
}

// uidValidity reads bob's INBOX's.
func (p *project) uidValidity() string {
	p.t.Helper()
	c, err := client.DialIMAP(p.ports.IMAPS, p.clientTLS())
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login("bob@"+domain, password); err != nil {
		p.t.Fatal(err)
	}
	lines, err := c.OK("STATUS INBOX (UIDVALIDITY)")
	if err != nil || len(lines) != 1 {
		p.t.Fatal(lines, err)
	}
	return lines[0].Text
}

// keepSending delivers by port 25 until stop is closed and then gives how many
// messages got their 250.
func (p *project) keepSending(stop <-chan struct{}) <-chan int {
	done := make(chan int, 1)
	go func() {
		sent := 0
		for n := 100; ; n++ {
			select {
			case <-stop:
				done <- sent
				return
			default:
			}
			c, _, err := client.DialSMTP(p.ports.SMTP, nil)
			if err != nil {
				continue
			}
			_, err = c.Cmd("EHLO outside.example")
			if err == nil {
				r, err := c.Send("x@outside.example", []string{"bob@" + domain}, fmt.Appendf(nil, "Subject: %d\r\n\r\nflow\r\n", n))
				if err == nil && r.Code == 250 {
					sent++
				}
			}
			c.Close()
		}
	}()
	return done
}
