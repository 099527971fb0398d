package testbed

import (
	"os"
	"testing"
	"time"
)

// Dir makes a directory for the test that PostgreSQL's own user can pass
// through (t.TempDir's parent is closed to it), removed at the end.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postroom-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// New starts an instance for a test: in a directory of its own, stopped at the
// end, its log's tail shown when the test failed.
func New(t testing.TB, o Options) *Instance {
	t.Helper()
	if o.Dir == "" {
		o.Dir = Dir(t)
	}
	i, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(30 * time.Second); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("end of the log:\n%s", i.LogTail(30))
		}
	})
	return i
}

// Password is every test account's.
const Password = "correct horse battery staple"

// Company is New with a domain and accounts in it, all with Password.
func Company(t testing.TB, o Options, domain string, locals ...string) *Instance {
	t.Helper()
	i := New(t, o)
	i.Company(t, domain, locals...)
	return i
}

// Company adds a domain and accounts in it.
func (i *Instance) Company(t testing.TB, domain string, locals ...string) {
	t.Helper()
	if err := i.AddDomain(domain); err != nil {
		t.Fatal(err)
	}
	for _, l := range locals {
		if err := i.AddAccount(l+"@"+domain, Password); err != nil {
			t.Fatal(err)
		}
	}
}
