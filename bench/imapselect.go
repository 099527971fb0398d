package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

var selectRows = []imapRow{
	{name: "connect, login, SELECT, LOGOUT by 16 connections", unit: "/s", goal: 9, more: true, measure: visits},
	{name: "SELECT, cold", unit: "ms", goal: 0.05, measure: cold(false, "SELECT INBOX", false)},
	{name: "SELECT, warm", unit: "ms", goal: 2, measure: func(_ context.Context, _ *imapTable, s *imapSide, secure bool) (float64, error) {
		return s.p50(secure, 50, "SELECT INBOX")
	}},
}

// visits is how many whole sessions a second 16 clients get.
func visits(ctx context.Context, _ *imapTable, s *imapSide, secure bool) (float64, error) {
	const clients, each = 16, 25
	began := time.Now()
	var g errgroup.Group
	for range clients {
		g.Go(func() error {
			for range each {
				err := s.with(secure, "INBOX", func(p *probe) error { _, err := p.do("LOGOUT"); return err })
				if err != nil || ctx.Err() != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return clients * each / time.Since(began).Seconds(), err
}

// cold times the first command after a restart with an empty file cache, in ms.
func cold(selected bool, command string, forget bool) func(context.Context, *imapTable, *imapSide, bool) (float64, error) {
	return func(ctx context.Context, _ *imapTable, s *imapSide, secure bool) (float64, error) {
		if err := s.restart(ctx, forget); err != nil {
			return 0, err
		}
		mailbox := ""
		if selected {
			mailbox = "INBOX"
		}
		var a answer
		err := s.with(secure, mailbox, func(p *probe) (err error) {
			a, err = p.do("%s", command)
			return err
		})
		return ms(a.took), err
	}
}

// p50 is the median time of n executions on one connection, in ms; one before
// them is not counted.
func (s *imapSide) p50(secure bool, n int, command string) (float64, error) {
	var all []float64
	err := s.with(secure, "INBOX", func(p *probe) error {
		for range n + 1 {
			a, err := p.do("%s", command)
			if err != nil {
				return err
			}
			all = append(all, ms(a.took))
		}
		return nil
	})
	return median(all[min(1, len(all)):]), err
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }
