package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// wantsRow tells whether a row is to be measured.
func (o options) wantsRow(name string) bool { return o.row == "" || strings.Contains(name, o.row) }

// fill puts the same messages into INBOX on both sides.
func (t *imapTable) fill(ctx context.Context, r *rig, o options, ours, theirs *imapSide) error {
	fmt.Fprintf(os.Stderr, "bench: imap: %d messages, %d of other mailboxes between …\n", t.messages, o.others)
	err := theirs.with(false, "", func(p *probe) error { return appendTo(p, "INBOX", 0, t.messages, t.messages, 50) })
	if err != nil {
		return fmt.Errorf("fill %s: %w", theirs.name, err)
	}
	if o.others == 0 {
		err = ours.with(false, "", func(p *probe) error { return appendTo(p, "INBOX", 0, t.messages, t.messages, 50) })
	} else {
		err = t.fillAged(ctx, r, o, ours)
	}
	if err != nil {
		return fmt.Errorf("fill %s: %w", ours.name, err)
	}
	if err := freshStatistics(ctx, r.database); err != nil {
		return err
	}
	return ours.settled(ctx)
}

// fillAged appends the messages one by one while others arrive for the other
// accounts, at an even pace, so that neighbours in the tables are strangers.
func (t *imapTable) fillAged(ctx context.Context, r *rig, o options, ours *imapSide) error {
	turns := make(chan struct{}, o.others+t.messages)
	var n, passed atomic.Int64
	defer every(30*time.Second, func() {
		fmt.Fprintf(os.Stderr, "bench: imap: %d of %d messages of other mailboxes …\n", min(n.Load(), int64(o.others)), o.others)
	})()
	next := func(int) (letter, bool) {
		i := n.Add(1)
		for due := i * int64(t.messages) / int64(o.others); passed.Load() < due; {
			if k := passed.Load(); passed.CompareAndSwap(k, k+1) {
				turns <- struct{}{}
			}
		}
		rcpt := r.accounts[1+int(i)%(len(r.accounts)-1)]
		return letter{"load@outside.example", rcpt, imapMessage(int(i), 2*o.others)}, i <= int64(o.others)
	}
	g, ctx := errgroup.WithContext(ctx) // who fails ends the other
	g.Go(func() error {
		return ours.with(false, "", func(p *probe) error {
			for i := range t.messages {
				<-turns
				if err := appendTo(p, "INBOX", i, 1, t.messages, 1); err != nil {
					return err
				}
			}
			return nil
		})
	})
	g.Go(func() error {
		_, _, err := pump(ctx, 3*time.Hour, o.clients, to(r.smtp, nil), next)
		for range t.messages { // an error must not leave the other waiting
			turns <- struct{}{}
		}
		return err
	})
	return g.Wait()
}

// every calls f again and again until stop is called.
func every(d time.Duration, f func()) (stop func()) {
	tick, done := time.NewTicker(d), make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() { tick.Stop(); close(done) }
}
