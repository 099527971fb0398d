package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"postroom/e2e/client"
)

// benchIdle opens connections, those that are selected and idle and those that
// say nothing before login, and measures how much the PSS of postroom and its
// PostgreSQL grew for each.
func benchIdle(ctx context.Context, r *rig, o options) ([]figure, error) {
	var figures []figure
	for _, f := range []struct {
		name, goal string
		n          int
		warm       bool
		open       func(i int) (*client.IMAP, error)
	}{
		{"PSS per selected idle connection, plain", "<= 40", o.idle, true, func(i int) (*client.IMAP, error) { return r.idle(i, nil) }},
		{"PSS per selected idle connection, TLS", "", o.idle, true, func(i int) (*client.IMAP, error) { return r.idle(i, r.tls) }},
		{"PSS per connection before login, plain", "< 20", o.idle, false, func(int) (*client.IMAP, error) { return client.DialIMAP(r.imap, nil) }},
		{"PSS per connection before login, TLS", "< 20", o.idle, false, func(int) (*client.IMAP, error) {
			return client.DialIMAP(r.instance.Ports.IMAPS, r.tls)
		}},
	} {
		// In a process that has served nobody: what others left is not to be reused.
		if err := r.restart(ctx); err != nil {
			return nil, err
		}
		if f.warm {
			if err := r.warm(ctx, f.open); err != nil {
				return nil, err
			}
		}
		each, err := growth(ctx, r, f.n, f.open)
		if err != nil {
			return nil, err
		}
		figures = append(figures, summarise(f.name, "kB", f.goal, []float64{each}))
	}
	return figures, nil
}

// warm has one connection of each account open, all of them ask for something
// at once and again after half a minute, and close: plans and tables that
// PostgreSQL reads first, and the sessions of PostgreSQL (5 MB each, as many as the
// pool may have) are no cost of each connection, and come whenever many have to
// look at once.
func (r *rig) warm(ctx context.Context, open func(i int) (*client.IMAP, error)) error {
	var conns []*client.IMAP
	for i := range r.accounts {
		c, err := open(i)
		if c != nil {
			defer c.Close()
		}
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	var g errgroup.Group
	for _, c := range conns {
		g.Go(func() error {
			for range 20 {
				if _, err := c.Write([]byte("DONE\r\nv SELECT INBOX\r\nw STATUS INBOX (MESSAGES)\r\ni IDLE\r\n")); err != nil {
					return err
				}
				if err := readUntil(c, "+ "); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return pause(ctx, heal)
}

// heal is a little more than the time after which all sessions look at their
// account again, each by its own statement.
const heal = 35 * time.Second

// readUntil reads up to a line that begins so.
func readUntil(c *client.IMAP, begin string) error {
	for {
		l, err := c.ReadLine()
		if err != nil || strings.HasPrefix(l.Text, begin) {
			return err
		}
	}
}

// idle gives a connection that waits in IDLE.
func (r *rig) idle(i int, cfg *tls.Config) (*client.IMAP, error) {
	c, err := r.loginWith(r.accounts[i%len(r.accounts)], cfg)
	if err != nil {
		return nil, err
	}
	if _, _, err = c.Select("INBOX"); err == nil {
		_, err = c.Write([]byte("i IDLE\r\n"))
	}
	if err == nil {
		_, err = c.ReadLine()
	}
	return c, err
}

// growth is how much the PSS grew for each of n connections, in kB.
func growth(ctx context.Context, r *rig, n int, open func(i int) (*client.IMAP, error)) (float64, error) {
	before, err := settledPSS(ctx, r.pid)
	if err != nil {
		return 0, err
	}
	var conns []*client.IMAP
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range n {
		c, err := open(i)
		if c != nil {
			conns = append(conns, c)
		}
		if err != nil {
			return 0, err
		}
	}
	after, err := settledPSS(ctx, r.pid)
	if err != nil {
		return 0, err
	}
	// It answers: no connection has ended meanwhile.
	if _, err := conns[0].Write([]byte("DONE\r\n")); err != nil {
		return 0, fmt.Errorf("the first connection ended before the reading: %w", err)
	}
	if l, err := conns[0].ReadLine(); err != nil || strings.HasPrefix(l.Text, "* BYE") {
		return 0, fmt.Errorf("the first connection ended before the reading: %q, %v", l.Text, err)
	}
	return float64(after-before) / float64(n), nil
}

// settledPSS reads the PSS until twelve readings in a row, a second apart,
// differ by less than a hundredth, and gives the last: what a burst left is given
// back at most every ten seconds.
func settledPSS(ctx context.Context, pid int) (int, error) {
	last, calm := 0, 0
	for range 60 {
		n, err := pss(pid)
		if err != nil {
			return 0, err
		}
		if d := n - last; d < n/100 && -d < n/100 {
			calm++
		} else {
			calm = 0
		}
		last = n
		if calm >= 12 {
			break
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return last, nil
}
