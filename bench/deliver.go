package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// verifiers is the number of goroutines that fetch; each has a share of the
// accounts, each account a connection of its own.
const verifiers = 4

// deliverRate sends to the accounts for d and gives visible deliveries per
// second: those that another IMAP connection has fetched with the right hash,
// over the time until the last of them was seen.
func deliverRate(ctx context.Context, r *rig, accounts []string, clients int, d time.Duration) (float64, error) {
	l := newLedger()
	ws, err := watch(r, accounts)
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, w := range ws {
			w.c.Close()
		}
	}()
	sendCtx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	done := make(chan struct{})
	began := time.Now()
	var g errgroup.Group
	g.Go(func() error {
		defer close(done)
		return send(sendCtx, r.smtp, clients, accounts, l)
	})
	for i := range min(verifiers, len(ws)) {
		var share []*watcher
		for k := i; k < len(ws); k += verifiers {
			share = append(share, ws[k])
		}
		g.Go(func() error { return verify(ctx, share, done, l) })
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	if n := l.wrong.Load(); n > 0 {
		return 0, fmt.Errorf("%d messages came out altered or twice", n)
	}
	return float64(l.visible.Load()) / time.Since(began).Seconds(), nil
}

// rounds collects what alternating measurements gave.
type rounds struct{ raw, spread, hot, ratio, hotRatio []float64 }

// add makes one round: raw inserts, many mailboxes, one mailbox.
func (m *rounds) add(ctx context.Context, r *rig, o options) error {
	raw, err := rawInserts(ctx, r.database, o.clients, o.seconds)
	if err != nil {
		return err
	}
	spread, err := deliverRate(ctx, r, r.accounts, o.clients, o.seconds)
	if err != nil {
		return err
	}
	hot, err := deliverRate(ctx, r, r.accounts[:1], o.clients, o.seconds)
	if err != nil {
		return err
	}
	m.raw, m.spread, m.hot = append(m.raw, raw), append(m.spread, spread), append(m.hot, hot)
	m.ratio, m.hotRatio = append(m.ratio, spread/raw), append(m.hotRatio, hot/spread)
	return nil
}

func (m *rounds) figures(prefix string) []figure {
	return []figure{
		summarise(prefix+"raw inserts of 4 KiB", "commits/s", "", m.raw),
		summarise(prefix+"visible deliveries, many mailboxes", "messages/s", "", m.spread),
		summarise(prefix+"visible deliveries, one mailbox", "messages/s", "", m.hot),
		summarise(prefix+"deliveries / raw inserts", "ratio", ">= 0.25", m.ratio),
		summarise(prefix+"one mailbox / many", "ratio", ">= 0.7", m.hotRatio),
	}
}

// benchDeliver alternates raw inserts, deliveries to many mailboxes and
// deliveries to one.
func benchDeliver(ctx context.Context, r *rig, o options) ([]figure, error) {
	var m rounds
	for range o.rounds {
		if err := m.add(ctx, r, o); err != nil {
			return nil, err
		}
	}
	return m.figures(""), nil
}

// benchSnapshot is benchDeliver while one transaction's snapshot stays open.
func benchSnapshot(ctx context.Context, r *rig, o options) ([]figure, error) {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM mailbox_changes")
	if err != nil {
		return nil, err
	}
	var m rounds
	for end := time.Now().Add(o.snapshot); time.Now().Before(end); {
		if err := m.add(ctx, r, o); err != nil {
			return nil, err
		}
	}
	return m.figures("snapshot open: "), nil
}
