package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"sync"

	"github.com/jackc/pgx/v5"

	"postroom/migrations"
	"postroom/store"
)

// templateLock keeps packages that test in parallel from making the template
// at the same time.
const templateLock = 0x706f737474706c31

var made struct {
	sync.Mutex
	names map[string]string
}

// template gives the name of a database with the present schema, made once per
// cluster and set of migrations.
func template(ctx context.Context, base string) (string, error) {
	made.Lock()
	defer made.Unlock()
	if n := made.names[base]; n != "" {
		return n, nil
	}
	sum, err := schemaSum()
	if err != nil {
		return "", err
	}
	name := "postroom_tpl_" + sum
	if err := makeTemplate(ctx, base, name); err != nil {
		return "", err
	}
	if made.names == nil {
		made.names = map[string]string{}
	}
	made.names[base] = name
	return name, nil
}

func schemaSum() (string, error) {
	h := sha256.New()
	names, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		return "", err
	}
	for _, n := range names {
		b, err := fs.ReadFile(migrations.Files, n)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

func makeTemplate(ctx context.Context, base, name string) error {
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(templateLock)); err != nil {
		return err
	}
	// The mark comes last, so an unmarked one was left half made.
	var done bool
	err = c.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_database WHERE datname = $1 AND datistemplate", name).Scan(&done)
	if err != nil || done {
		return err
	}
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " TEMPLATE template0"} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return err
		}
	}
	s, err := store.Open(ctx, store.Config{URL: withDatabase(base, name)})
	if err != nil {
		return err
	}
	s.Close()
	_, err = c.Exec(ctx, "ALTER DATABASE "+name+" IS_TEMPLATE true ALLOW_CONNECTIONS false")
	return err
}
