package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

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
		fresh      bool // in a process that has served nobody: what others left is not to be reused
		open       func(i int) (*client.IMAP, error)
	}{
		{"PSS per selected idle connection, plain", "<= 40", o.idle, false, func(i int) (*client.IMAP, error) { return r.idle(i, nil) }},
		{"PSS per selected idle connection, TLS", "", o.idle, false, func(i int) (*client.IMAP, error) { return r.idle(i, r.tls) }},
		{"PSS per connection before login, plain", "< 20", 2 * o.idle, true, func(int) (*client.IMAP, error) { return client.DialIMAP(r.imap, nil) }},
		{"PSS per connection before login, TLS", "< 20", 2 * o.idle, true, func(int) (*client.IMAP, error) {
			return client.DialIMAP(r.instance.Ports.IMAPS, r.tls)
		}},
	} {
		if f.fresh {
			if err := r.restart(ctx); err != nil {
				return nil, err
			}
		} else if err := r.warm(f.open); err != nil {
			return nil, err
		}
		each, err := growth(ctx, r, f.n, f.open)
		if err != nil {
			return nil, err
		}
		figures = append(figures, summarise(f.name, "kB", f.goal, []float64{each}))
	}
	return figures, nil
}

// warm has one connection of each account open and close again: plans and
// tables that the first of them makes PostgreSQL read are no cost of each.
func (r *rig) warm(open func(i int) (*client.IMAP, error)) error {
	for i := range r.accounts {
		c, err := open(i)
		if c != nil {
			defer c.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
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
