package main

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// rawInserts commits single rows of 4 KiB random octets with n clients for d,
// on the cluster that postroom uses, and gives commits per second.
func rawInserts(ctx context.Context, url string, n int, d time.Duration) (float64, error) {
	admin, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, `DROP TABLE IF EXISTS bench_raw;
		CREATE TABLE bench_raw (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data bytea NOT NULL);
		ALTER TABLE bench_raw ALTER COLUMN data SET STORAGE EXTERNAL`)
	if err != nil {
		return 0, err
	}
	defer admin.Exec(ctx, "DROP TABLE IF EXISTS bench_raw")
	var count atomic.Int64
	var firstErr atomic.Value
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	began := time.Now()
	for range n {
		wg.Go(func() {
			if err := insertUntil(ctx, url, &count); err != nil && ctx.Err() == nil {
				firstErr.CompareAndSwap(nil, err)
			}
		})
	}
	wg.Wait()
	if err, ok := firstErr.Load().(error); ok {
		return 0, err
	}
	return float64(count.Load()) / time.Since(began).Seconds(), nil
}

func insertUntil(ctx context.Context, url string, count *atomic.Int64) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	data := make([]byte, 4096)
	for ctx.Err() == nil {
		rand.Read(data)
		if _, err := conn.Exec(ctx, "INSERT INTO bench_raw (data) VALUES ($1)", data); err != nil {
			return err
		}
		count.Add(1)
	}
	return nil
}
