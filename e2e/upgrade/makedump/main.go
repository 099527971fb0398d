// Command makedump fills a fresh instance and writes e2e/upgrade/NAME.sql.gz,
// NAME.json and NAME.key: run it when a schema is released.
package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postroom/e2e/testbed"
	"postroom/e2e/upgrade"
	"postroom/internal/pgembed"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./e2e/upgrade/makedump NAME")
		os.Exit(2)
	}
	if err := run(context.Background(), filepath.Join("e2e", "upgrade", os.Args[1])); err != nil {
		fmt.Fprintln(os.Stderr, "makedump: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base string) error {
	dir, err := os.MkdirTemp("", "postroom-dump-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL's own user passes through
		return err
	}
	defer os.RemoveAll(dir)
	inst, err := testbed.Start(ctx, testbed.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer inst.Stop(30 * time.Second)
	m, err := upgrade.Fill(ctx, inst)
	if err != nil {
		return err
	}
	url, err := pgembed.URL(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	sql, err := upgrade.Dump(url)
	if err != nil {
		return err
	}
	return write(base, sql, m, filepath.Join(dir, "data", "master.key"))
}

func write(base string, sql []byte, m *upgrade.Manifest, keyFile string) error {
	f, err := os.Create(base + ".sql.gz")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write(sql); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".key", key, 0o600); err != nil {
		return err
	}
	j, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(base+".json", append(j, '\n'), 0o644)
}
