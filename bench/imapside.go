package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"syscall"
	"time"

	"postroom/e2e/client"
)

// imapSide is one of the two servers.
type imapSide struct {
	name        string
	imap, imaps string
	tls         *tls.Config
	user        string
	pid         func() int
	stop        func() error
	start       func(context.Context) error
	log         func() string // its last lines
	// settled returns when nothing is left to do behind what was appended.
	settled func(context.Context) error
	// forget removes what the server keeps beside the mail only to be quick;
	// called while it is stopped. nil: there is nothing.
	forget func() error
}

func ourSide(r *rig) *imapSide {
	return &imapSide{name: "postroom", imap: r.imap, imaps: r.instance.Ports.IMAPS, tls: r.tls, user: r.accounts[0],
		pid:  func() int { return r.instance.Pid() },
		stop: func() error { return r.instance.Stop(time.Minute) },
		start: func(ctx context.Context) error {
			defer func() { r.pid = r.instance.Pid() }()
			return r.instance.Start(ctx)
		},
		settled: func(ctx context.Context) error { return untilIndexed(ctx, r.instance.Ports.Metrics) },
	}
}

func dovecotSide(d *dovecot, user string) *imapSide {
	return &imapSide{name: "Dovecot", imap: d.imap, imaps: d.imaps, tls: d.tls, user: user,
		pid:     d.pid,
		stop:    func() error { d.stop(); return nil },
		log:     d.logTail,
		start:   d.start,
		settled: func(context.Context) error { return nil },
		forget:  func() error { return removeNamed(d.mail(), "dovecot.index.cache") },
	}
}

// dial connects, logs in and, where mailbox is not "", selects.
func (s *imapSide) dial(secure bool, mailbox string) (*probe, error) {
	addr, cfg := s.imap, (*tls.Config)(nil)
	if secure {
		addr, cfg = s.imaps, s.tls
	}
	p, err := dialProbe(addr, cfg)
	if err != nil {
		return nil, err
	}
	if _, err = p.do("LOGIN %s %s", client.Quote(s.user), password); err == nil && mailbox != "" {
		_, err = p.do("SELECT %s", mailbox)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// with runs f on a connection that has selected mailbox.
func (s *imapSide) with(secure bool, mailbox string, f func(*probe) error) error {
	p, err := s.dial(secure, mailbox)
	if err != nil {
		return err
	}
	defer p.close()
	return f(p)
}

// restart stops the server, drops the file cache of the machine, and starts it.
func (s *imapSide) restart(ctx context.Context, forget bool) error {
	if err := s.stop(); err != nil {
		return err
	}
	if forget && s.forget != nil {
		if err := s.forget(); err != nil {
			return err
		}
	}
	if err := dropFileCache(); err != nil {
		return err
	}
	return s.start(ctx)
}

// dropFileCache needs root, and a kernel that lets this machine's root do it.
func dropFileCache() error {
	syscall.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0); err != nil {
		return fmt.Errorf("the file cache cannot be dropped, and nothing is cold: %w", err)
	}
	return nil
}
