package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func newKey(t *testing.T) *Key {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedOpensForItsRowAndKeyOnly(t *testing.T) {
	k, other := newKey(t), newKey(t)
	plain := []byte("smarthost password")
	sealed := k.Seal("smarthosts", "example.test", plain)
	if bytes.Contains(sealed, plain) {
		t.Fatal("the sealed form shows the plain one")
	}
	if got, err := k.Open("smarthosts", "example.test", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, try := range map[string]func() ([]byte, error){
		"another key":   func() ([]byte, error) { return other.Open("smarthosts", "example.test", sealed) },
		"another row":   func() ([]byte, error) { return k.Open("smarthosts", "example.com", sealed) },
		"another table": func() ([]byte, error) { return k.Open("domain_keys", "example.test", sealed) },
		"changed":       func() ([]byte, error) { return k.Open("smarthosts", "example.test", changed) },
		"cut":           func() ([]byte, error) { return k.Open("smarthosts", "example.test", sealed[:10]) },
		"empty":         func() ([]byte, error) { return k.Open("smarthosts", "example.test", nil) },
	} {
		if got, err := try(); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: Open = %q, %v; want ErrSealed", name, got, err)
		}
	}
	if bytes.Equal(sealed, k.Seal("smarthosts", "example.test", plain)) {
		t.Error("sealing twice gave the same octets")
	}
}

func TestKeyNeverPrints(t *testing.T) {
	k := newKey(t)
	secret := strings.TrimSpace(string(k.text()))
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", *k), fmt.Sprintf("%#v", k), fmt.Sprintf("%x", k)} {
		if strings.Contains(s, secret) || strings.Contains(s, fmt.Sprintf("%x", k.raw)) || strings.Contains(s, strings.Trim(fmt.Sprint(k.raw), "[]")) {
			t.Errorf("a format shows the key: %s", s)
		}
	}
}

func TestLoadOrCreateKeepsOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	prints := make([][]byte, 8)
	var wg sync.WaitGroup
	var created sync.Map
	for i := range prints {
		wg.Go(func() {
			k, made, err := LoadOrCreate(path, "")
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = k.Fingerprint()
			if made {
				created.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	created.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d starts say they made the key; want 1", n)
	}
	for _, p := range prints {
		if !bytes.Equal(p, prints[0]) {
			t.Fatal("two starts got different keys")
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", st.Mode(), err)
	}
	left, _ := filepath.Glob(path + ".*")
	if len(left) != 0 {
		t.Errorf("files left behind: %v", left)
	}
}

func TestEnvironmentWins(t *testing.T) {
	k := newKey(t)
	path := filepath.Join(t.TempDir(), "none")
	got, created, err := LoadOrCreate(path, string(k.text()))
	if err != nil || created || !bytes.Equal(got.Fingerprint(), k.Fingerprint()) {
		t.Fatalf("LoadOrCreate = %v, %v", created, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was made though the environment holds the key")
	}
	if _, _, err := LoadOrCreate(path, "short"); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a bad key in the environment: %v", err)
	}
}

// TestRotationSurvivesACrash stops a rotation after each of its steps, on both
// sides of the database's commit: the key that the database names is found.
func TestRotationSurvivesACrash(t *testing.T) {
	old, next := newKey(t), newKey(t)
	find := func(path string, want *Key) bool {
		for _, k := range Candidates(path, "") {
			if bytes.Equal(k.Fingerprint(), want.Fingerprint()) {
				return true
			}
		}
		return false
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fresh := func() string {
		path := filepath.Join(t.TempDir(), "master.key")
		must(os.WriteFile(path, old.text(), 0o600))
		return path
	}

	path := fresh()
	must(WriteNext(path, next))
	if !find(path, old) || !find(path, next) {
		t.Error("after WriteNext one of the keys is not found")
	}
	// Killed between the two renames of Promote.
	must(os.Rename(path, path+previousSuffix))
	if !find(path, next) || !find(path, old) {
		t.Error("between the renames a key is lost")
	}
	must(Promote(path, next))
	if now, err := Load(path, ""); err != nil || now.raw != next.raw {
		t.Errorf("after Promote the file holds another key: %v", err)
	}
	if !find(path, old) {
		t.Error("the previous key, which older dumps need, is gone")
	}

	path = fresh()
	must(WriteNext(path, next))
	if err := WriteNext(path, newKey(t)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second rotation took the place of the first: %v", err)
	}
	must(DropNext(path))
	must(DropNext(path))
	if find(path, next) || !find(path, old) {
		t.Error("DropNext left the new key, or took the old one")
	}
	must(Promote(path, old))
	if find(path, next) {
		t.Error("promoting the current key changed something")
	}
}

func TestRingFollowsARotation(t *testing.T) {
	old, next := newKey(t), newKey(t)
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, old.text(), 0o600); err != nil {
		t.Fatal(err)
	}
	ring := NewRing(old, path, "")
	if _, err := ring.Open("t", "r", old.Seal("t", "r", []byte("a"))); err != nil {
		t.Fatal(err)
	}
	if err := Promote(path, next); err != nil {
		t.Fatal(err)
	}
	got, err := ring.Open("t", "r", next.Seal("t", "r", []byte("b")))
	if err != nil || string(got) != "b" {
		t.Fatalf("after the rotation: %q, %v", got, err)
	}
	if _, err := ring.Open("t", "r", newKey(t).Seal("t", "r", nil)); !errors.Is(err, ErrSealed) {
		t.Errorf("a strange key: %v", err)
	}
}
