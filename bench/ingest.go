package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// benchIngest alternates two instances that take the same signed mail on port
// 25: one asks the DNS and tests every signature, the other takes it as it is.
func benchIngest(ctx context.Context, without *rig, o options) ([]figure, error) {
	load, err := newSignedLoad()
	if err != nil {
		return nil, err
	}
	defer load.dns.Close()
	with, err := startRig(ctx, o, quiet, load.dns.Addr())
	if err != nil {
		return nil, err
	}
	defer with.stop()
	var on, off, ratio []float64
	for range o.rounds {
		a, err := acceptRate(ctx, with, load, o)
		if err != nil {
			return nil, fmt.Errorf("with checks: %w", err)
		}
		b, err := acceptRate(ctx, without, load, o)
		if err != nil {
			return nil, fmt.Errorf("without checks: %w", err)
		}
		on, off, ratio = append(on, a), append(off, b), append(ratio, a/b)
	}
	if err := allPassed(with); err != nil {
		return nil, err
	}
	return []figure{
		summarise("accepted, checks on", "messages/s", "", on),
		summarise("accepted, checks off", "messages/s", "", off),
		summarise("ingest: checks on / off", "ratio", ">= 0.6", ratio),
	}, nil
}

// acceptRate gives the messages per second that got their 250.
func acceptRate(ctx context.Context, r *rig, load *signedLoad, o options) (float64, error) {
	n, began, err := pump(ctx, o.seconds, o.clients, to(r.smtp, nil), func(int) (letter, bool) { return load.letter(r.accounts), true })
	return float64(n) / time.Since(began).Seconds(), err
}

// allPassed makes sure that what was measured is the whole of the checks: the
// messages of one mailbox passed each.
func allPassed(r *rig) error {
	c, err := r.login(r.accounts[0])
	if err != nil {
		return err
	}
	defer c.Close()
	if _, _, err := c.Select("INBOX"); err != nil {
		return err
	}
	messages, err := c.Fetch("1:*")
	if err != nil {
		return err
	}
	for _, m := range messages {
		for _, result := range []string{"spf=pass", "dkim=pass", "dmarc=pass", "iprev=pass"} {
			if !bytes.Contains(m.Body, []byte(result)) {
				return fmt.Errorf("UID %d in %s has no %s", m.UID, r.accounts[0], result)
			}
		}
	}
	if len(messages) == 0 {
		return fmt.Errorf("no message in %s", r.accounts[0])
	}
	return nil
}
