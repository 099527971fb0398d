package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/internal/config"
	"postroom/internal/mail"
	"postroom/internal/pgembed"
)

// The refusal comes before ports and database are touched, so that it is the
// one line told also when both servers have one configuration.
func TestOneServerOnADataDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	lock, err := pgembed.LockDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	cfg := &config.Config{Hostname: "mail.example.org", DataDir: dir, DatabaseURL: "postgres://nowhere.invalid/x"}
	_, err = Start(t.Context(), cfg, Options{})
	if !mail.Is(err, mail.CodeInUse) || !strings.Contains(err.Error(), "already serves the data directory") {
		t.Errorf("a second server: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the second one left %v", entries)
	}
}

// Two servers with one host name must not take each other's leases; one that
// starts anew on its data directory must know its own.
func TestNodeNameIsOfTheDataDirectory(t *testing.T) {
	name := func(dir string) string {
		n, err := nodeName(&config.Config{Hostname: "mail.example.org", DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a, b := t.TempDir(), t.TempDir()
	if first, again := name(a), name(a); first != again {
		t.Errorf("%q and after a restart %q", first, again)
	}
	if name(a) == name(b) || !strings.HasPrefix(name(a), "mail.example.org ") {
		t.Errorf("%q and %q", name(a), name(b))
	}
}
