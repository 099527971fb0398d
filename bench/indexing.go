package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// indexTurn is the advisory lock of the server that fills the search index
// (store.IndexTurn).
const indexTurn = 0x706f737474757264

// benchIndexing alternates deliveries without and with the worker that fills
// the search index: whoever holds its turn keeps it from working. The messages
// are random, so they have more grams than people's.
func benchIndexing(ctx context.Context, r *rig, o options) ([]figure, error) {
	conn, err := pgx.Connect(ctx, r.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.Background())
	b := indexing{r: r, o: o, conn: conn}
	for i := range o.rounds {
		if err := b.round(ctx, i%2 == 1); err != nil {
			return nil, err
		}
	}
	return []figure{
		summarise("deliveries, nothing indexed beside", "messages/s", "", b.alone),
		summarise("deliveries beside indexing", "messages/s", "", b.beside),
		summarise("beside indexing / alone", "ratio", ">= 0.9", b.ratio),
		summarise("indexed beside deliveries", "messages/s", "", b.indexed),
	}, nil
}

type indexing struct {
	r                             *rig
	o                             options
	conn                          *pgx.Conn
	alone, beside, ratio, indexed []float64
}

// round measures both, every second time in the other order: the machine and
// the tables change meanwhile.
func (b *indexing) round(ctx context.Context, turned bool) error {
	steps := []func(context.Context) error{b.measureAlone, b.measureBeside}
	if turned {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	n := len(b.alone) - 1
	b.ratio = append(b.ratio, b.beside[n]/b.alone[n])
	return nil
}

func (b *indexing) measureAlone(ctx context.Context) error {
	if _, err := b.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(indexTurn)); err != nil {
		return err
	}
	rate, err := b.deliver(ctx)
	b.alone = append(b.alone, rate)
	_, e := b.conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(indexTurn))
	return errors.Join(err, e)
}

// measureBeside delivers something first: there is something to index from the
// first moment on.
func (b *indexing) measureBeside(ctx context.Context) error {
	if _, err := deliverRate(ctx, b.r, b.r.accounts, b.o.clients, b.o.seconds/4); err != nil {
		return err
	}
	if err := b.untilWorking(ctx); err != nil {
		return err
	}
	before, err := b.entries(ctx)
	if err != nil {
		return err
	}
	rate, err := b.deliver(ctx)
	if err != nil {
		return err
	}
	after, err := b.entries(ctx)
	b.beside = append(b.beside, rate)
	b.indexed = append(b.indexed, float64(after-before)/b.o.seconds.Seconds())
	return err
}

func (b *indexing) deliver(ctx context.Context) (float64, error) {
	return deliverRate(ctx, b.r, b.r.accounts, b.o.clients, b.o.seconds)
}

// untilWorking waits until the worker has found what was delivered.
func (b *indexing) untilWorking(ctx context.Context) error {
	first, err := b.entries(ctx)
	for now := first; err == nil && now == first; {
		if err = pause(ctx, 50*time.Millisecond); err == nil {
			now, err = b.entries(ctx)
		}
	}
	return err
}

func (b *indexing) entries(ctx context.Context) (n int64, err error) {
	err = b.conn.QueryRow(ctx, "SELECT count(*) FROM search_messages").Scan(&n)
	return n, err
}
