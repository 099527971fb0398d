package upgrade

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/pgembed"
)

func TestEveryDumpIsMigratedAndReadTheSame(t *testing.T) {
	dumps, err := filepath.Glob("*.sql.gz")
	if err != nil || len(dumps) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	for _, d := range dumps {
		base := strings.TrimSuffix(d, ".sql.gz")
		t.Run(base, func(t *testing.T) { migrated(t, base) })
	}
}

func migrated(t *testing.T, base string) {
	var want Manifest
	j, err := os.ReadFile(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(j, &want); err != nil {
		t.Fatal(err)
	}
	dir := testbed.Dir(t)
	pg, err := pgembed.Start(t.Context(), pgembed.Config{DataDir: filepath.Join(dir, "pg")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { pg.Stop(context.Background()) }()
	if err := Load(pg.URL, unzip(t, base+".sql.gz")); err != nil {
		t.Fatal(err)
	}
	// Git keeps no 0600; serve insists on it.
	key, err := os.ReadFile(base + ".key")
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, "master.key")
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		t.Fatal(err)
	}
	inst := testbed.New(t, testbed.Options{Dir: dir, Database: pg.URL,
		Settings: "master_key_file = \"" + keyFile + "\""})
	got, err := Read(inst, want.Accounts)
	if err != nil {
		t.Fatal(err)
	}
	for name, lines := range want.Messages {
		if !slices.Equal(lines, got[name]) {
			t.Errorf("%s reads\n%s\nwant\n%s", name, strings.Join(got[name], "\n"), strings.Join(lines, "\n"))
		}
	}
	if len(got) != len(want.Messages) {
		t.Errorf("%d mailboxes, want %d", len(got), len(want.Messages))
	}
	indexed(t, inst, want.Accounts[0])
}

// indexed makes sure that searches find old mail by this version's index.
func indexed(t *testing.T, inst *testbed.Instance, account string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := UntilIndexed(ctx, inst); err != nil {
		t.Fatal(err)
	}
	c, err := inst.IMAPS(account, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cmd := range []string{"SELECT INBOX", "SEARCH TEXT message"} {
		lines, err := c.OK("%s", cmd)
		if err != nil {
			t.Fatal(err)
		}
		if cmd != "SELECT INBOX" && !slices.ContainsFunc(lines, func(l client.Line) bool { return strings.HasPrefix(l.Text, "* SEARCH ") }) {
			t.Errorf("%s finds nothing: %v", cmd, lines)
		}
	}
}

func unzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	sql, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return sql
}
