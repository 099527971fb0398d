package admin_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"postroom/internal/admin"
	"postroom/internal/mail"
	"postroom/internal/secret"
	"postroom/store"
	"postroom/store/storetest"
)

func TestMasterKeyIsBound(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	path := filepath.Join(t.TempDir(), "master.key")
	_, _, err := admin.UnlockMasterKey(ctx, s, path, "", false)
	refused(t, err, mail.CodeConflict, "first start")
	key, created, err := admin.UnlockMasterKey(ctx, s, path, "", true)
	if err != nil || !created {
		t.Fatalf("first start: %v, %v", created, err)
	}
	again, created, err := admin.UnlockMasterKey(ctx, s, path, "", true)
	if err != nil || created || !bytes.Equal(again.Fingerprint(), key.Fingerprint()) {
		t.Fatalf("second start: %v, %v", created, err)
	}
	must(t, os.Rename(path, path+".away"))
	_, _, err = admin.UnlockMasterKey(ctx, s, path, "", true)
	refused(t, err, mail.CodeConflict, "put it back")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing key was replaced by a new one")
	}
	_, _, err = secret.LoadOrCreate(path, "")
	must(t, err)
	_, _, err = admin.UnlockMasterKey(ctx, s, path, "", true)
	refused(t, err, mail.CodeConflict, "fingerprint")
}

// sealed makes a domain and a smarthost and gives a check that both secrets
// open under a key.
func sealed(t *testing.T, a *admin.Admin, s *store.Store) func(*secret.Key) bool {
	t.Helper()
	_, err := a.CreateDomain(t.Context(), "example.test")
	must(t, err)
	_, err = a.SetSmarthost(t.Context(), admin.SmarthostArgs{Host: "h.example", Username: "u", Password: "word"})
	must(t, err)
	return func(k *secret.Key) bool {
		t.Helper()
		h, _, err := s.Smarthost(t.Context(), "x.example")
		must(t, err)
		if _, err := k.Open("smarthosts", "", h.Sealed); err != nil {
			return false
		}
		keys, err := s.SigningKeys(t.Context(), "example.test")
		must(t, err)
		for _, x := range keys {
			if _, err := k.Open("domain_keys", x.SecretRow(), x.Sealed); err != nil {
				return false
			}
		}
		return len(keys) == 2
	}
}

func TestRotateKey(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	path := filepath.Join(t.TempDir(), "master.key")
	old, _, err := admin.UnlockMasterKey(ctx, s, path, "", true)
	must(t, err)
	a := admin.New(admin.Config{Store: s, Actor: "test", Key: old})
	open := sealed(t, a, s)
	done, err := a.RotateKey(ctx, admin.RotateArgs{Path: path})
	if err != nil || done.Secrets != 3 {
		t.Fatalf("%+v, %v", done, err)
	}
	next, _, err := admin.UnlockMasterKey(ctx, s, path, "", true)
	must(t, err)
	if bytes.Equal(next.Fingerprint(), old.Fingerprint()) || !open(next) || open(old) {
		t.Error("the secrets are not sealed under the new key alone")
	}
	if prev, err := secret.Load(done.Previous, ""); err != nil || !bytes.Equal(prev.Fingerprint(), old.Fingerprint()) {
		t.Errorf("the previous key, for older dumps: %v", err)
	}
	// Who still holds the old key writes nothing under it.
	_, err = a.CreateDomain(ctx, "second.test")
	refused(t, err, mail.CodeConflict, "fingerprint")
	_, err = a.RotateKey(ctx, admin.RotateArgs{Path: path, Lost: true})
	refused(t, err, mail.CodeConflict, "rotate")
}

// crashing is a store whose answer to Reseal is lost, before or after the
// commit.
type crashing struct {
	*store.Store
	commits bool
}

func (c crashing) Reseal(ctx context.Context, actor mail.Actor, now, next []byte, drop bool,
	reseal func(table, row string, sealed []byte) ([]byte, error)) (int, error) {
	if c.commits {
		if _, err := c.Store.Reseal(ctx, actor, now, next, drop, reseal); err != nil {
			return 0, err
		}
	}
	return 0, mail.Errorf(mail.CodeUnavailable, "connection lost")
}

func TestRotationCutShort(t *testing.T) {
	for name, commits := range map[string]bool{"before the commit": false, "after the commit": true} {
		t.Run(name, func(t *testing.T) {
			s, ctx := storetest.New(t), t.Context()
			path := filepath.Join(t.TempDir(), "master.key")
			old, _, err := admin.UnlockMasterKey(ctx, s, path, "", true)
			must(t, err)
			open := sealed(t, admin.New(admin.Config{Store: s, Actor: "test", Key: old}), s)
			a := admin.New(admin.Config{Store: crashing{s, commits}, Actor: "test", Key: old})
			_, err = a.RotateKey(ctx, admin.RotateArgs{Path: path})
			if !mail.Is(err, mail.CodeUnavailable) {
				t.Fatal(err)
			}
			now, created, err := admin.UnlockMasterKey(ctx, s, path, "", true)
			must(t, err)
			if created || !open(now) {
				t.Error("the key found at the next start does not open the secrets")
			}
			if main, err := secret.Load(path, ""); err != nil || !bytes.Equal(main.Fingerprint(), now.Fingerprint()) {
				t.Errorf("the right key was not put in its place: %v", err)
			}
		})
	}
}

func TestLostKeyIsReset(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	dir := t.TempDir()
	old, _, err := admin.UnlockMasterKey(ctx, s, filepath.Join(dir, "old"), "", true)
	must(t, err)
	sealed(t, admin.New(admin.Config{Store: s, Actor: "test", Key: old}), s)
	a := admin.New(admin.Config{Store: s, Actor: "test"})
	path := filepath.Join(dir, "master.key")
	_, err = a.RotateKey(ctx, admin.RotateArgs{Path: path})
	refused(t, err, mail.CodeConflict, "master_key_file")
	_, err = a.RotateKey(ctx, admin.RotateArgs{Path: path, Lost: true})
	must(t, err)
	key, _, err := admin.UnlockMasterKey(ctx, s, path, "", false)
	must(t, err)
	if keys, err := s.DKIMKeys(ctx, "example.test"); err != nil || len(keys) != 0 {
		t.Errorf("unreadable keys stayed: %v, %v", keys, err)
	}
	a.Key = key
	_, err = a.RenewDKIM(ctx, "example.test", false)
	must(t, err)
}
