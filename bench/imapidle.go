package main

import (
	"context"

	"golang.org/x/sync/errgroup"
)

var idleRows = []imapRow{
	{name: "PSS per selected idle connection", unit: "kB", goal: 0.03, once: true, measure: idlePSS},
}

// idlePSS is by how much all processes of a server grow for each connection
// that has the mailbox selected and idles, once they have settled.
func idlePSS(ctx context.Context, t *imapTable, s *imapSide, secure bool) (float64, error) {
	if err := s.warm(ctx, secure); err != nil {
		return 0, err
	}
	before, err := settledPSS(ctx, s.pid())
	if err != nil {
		return 0, err
	}
	probes := make([]*probe, 0, t.idle)
	defer func() {
		for _, p := range probes {
			p.close()
		}
	}()
	for range t.idle {
		p, err := s.dial(secure, "INBOX")
		if err != nil {
			return 0, err
		}
		p.buf = nil
		probes = append(probes, p)
		if _, err := p.conn.Write([]byte("i IDLE\r\n")); err != nil {
			return 0, err
		}
		if _, err := p.conn.Read(make([]byte, 64)); err != nil {
			return 0, err
		}
	}
	after, err := settledPSS(ctx, s.pid())
	return float64(after-before) / float64(t.idle), err
}

// warm has some connections ask at once, and look at their account while they
// are idle, as rig.warm does.
func (s *imapSide) warm(ctx context.Context, secure bool) error {
	var g errgroup.Group
	for range 50 {
		p, err := s.dial(secure, "INBOX")
		if err != nil {
			return err
		}
		defer p.close()
		g.Go(func() error {
			for range 20 {
				if err := all(p, "SELECT INBOX", "STATUS INBOX (MESSAGES)")(); err != nil {
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
