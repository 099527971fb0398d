// Package storetest gives tests a store of their own on a real PostgreSQL:
// each a database copied from a migrated template, dropped at the end.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/pgembed"
	"postroom/store"
)

// URLVariable names the environment variable with the URL of a cluster where
// tests may create databases. Without it each test process starts its own.
const URLVariable = "POSTROOM_TEST_DATABASE_URL"

// New gives a migrated store on a database of its own. Options change the
// configuration before it is opened.
func New(t testing.TB, options ...func(*store.Config)) *store.Store {
	t.Helper()
	return Open(t, Database(t), options...)
}

// Open opens one more store, as another node would, on a database that
// Database made.
func Open(t testing.TB, url string, options ...func(*store.Config)) *store.Store {
	t.Helper()
	cfg := store.Config{URL: url, NodeName: t.Name(), NoMigrate: true}
	for _, o := range options {
		o(&cfg)
	}
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// Database makes a migrated database and gives its URL.
func Database(t testing.TB) string {
	t.Helper()
	tpl, err := template(t.Context(), cluster(t))
	if err != nil {
		t.Fatalf("template database: %v", err)
	}
	return create(t, " TEMPLATE "+tpl)
}

// EmptyDatabase makes a database without a schema and gives its URL.
func EmptyDatabase(t testing.TB) string {
	t.Helper()
	return create(t, " TEMPLATE template0")
}

// hourShift gives how many seconds to add to the time so that an hour has begun
// five minutes ago: what is counted by the hour is then counted in one.
func hourShift(now time.Time) int {
	const begun = 5 * time.Minute
	return int((begun - now.Sub(now.Truncate(time.Hour))) / time.Second)
}

func create(t testing.TB, options string) string {
	t.Helper()
	base := cluster(t)
	var r [6]byte
	_, _ = rand.Read(r[:])
	name := "postroom_t_" + hex.EncodeToString(r[:])
	if err := execOn(t.Context(), base, "CREATE DATABASE "+name+options); err != nil {
		t.Fatalf("create database: %v", err)
	}
	if err := execOn(t.Context(), base, fmt.Sprintf("ALTER DATABASE %s SET postroom.hour_shift = '%d seconds'", name, hourShift(time.Now()))); err != nil {
		t.Fatalf("set the hours of the database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := execOn(ctx, base, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return withDatabase(base, name)
}

// private is the cluster of this process, when none is named. It ends with the
// process; what it leaves on disk the next one removes.
var private = sync.OnceValues(func() (*pgembed.Temporary, error) {
	return pgembed.StartTemporary(context.Background(), slog.New(slog.DiscardHandler))
})

// cluster gives the URL of the maintenance database of the test cluster.
func cluster(t testing.TB) string {
	t.Helper()
	if u := os.Getenv(URLVariable); u != "" {
		return u
	}
	p, err := private()
	if err != nil {
		t.Fatalf("no PostgreSQL for tests (%s names one): %v", URLVariable, err)
	}
	return p.URL
}

// withDatabase puts a database name into a URL or key=value string.
func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return base + " dbname=" + name
	}
	u.Path = "/" + name
	return u.String()
}

func execOn(ctx context.Context, url string, sql string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if _, err := c.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
