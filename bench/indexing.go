package main

import (
	"context"
	"errors"
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
	for range o.rounds {
		if err := b.round(ctx); err != nil {
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

func (b *indexing) round(ctx context.Context) error {
	if _, err := b.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(indexTurn)); err != nil {
		return err
	}
	alone, err := b.deliver(ctx)
	if _, e := b.conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(indexTurn)); e != nil || err != nil {
		return errors.Join(err, e)
	}
	if err := b.untilWorking(ctx); err != nil {
		return err
	}
	before, err := b.entries(ctx)
	if err != nil {
		return err
	}
	beside, err := b.deliver(ctx)
	if err != nil {
		return err
	}
	after, err := b.entries(ctx)
	b.alone, b.beside, b.ratio = append(b.alone, alone), append(b.beside, beside), append(b.ratio, beside/alone)
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
