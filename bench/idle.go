package main

import (
	"context"
	"crypto/tls"
	"time"

	"postroom/e2e/client"
)

// benchIdle opens selected, idling connections and measures how much the PSS
// of postroom and its PostgreSQL grew for each.
func benchIdle(ctx context.Context, r *rig, o options) ([]figure, error) {
	plain, err := idleGrowth(ctx, r, o.idle, nil)
	if err != nil {
		return nil, err
	}
	secure, err := idleGrowth(ctx, r, o.idle, r.tls)
	if err != nil {
		return nil, err
	}
	return []figure{
		summarise("PSS per selected idle connection, plain", "kB", "<= 40", []float64{plain}),
		summarise("PSS per selected idle connection, TLS", "kB", "", []float64{secure}),
	}, nil
}

func idleGrowth(ctx context.Context, r *rig, n int, cfg *tls.Config) (float64, error) {
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
		c, err := r.loginWith(r.accounts[i%len(r.accounts)], cfg)
		if err != nil {
			return 0, err
		}
		conns = append(conns, c)
		if _, _, err := c.Select("INBOX"); err != nil {
			return 0, err
		}
		if _, err := c.Write([]byte("i IDLE\r\n")); err != nil {
			return 0, err
		}
		if _, err := c.ReadLine(); err != nil {
			return 0, err
		}
	}
	after, err := settledPSS(ctx, r.pid)
	if err != nil {
		return 0, err
	}
	return float64(after-before) / float64(n), nil
}

// settledPSS reads the PSS until three readings in a row, a second apart,
// differ by less than a hundredth, and gives the last.
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
		if calm >= 3 {
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
