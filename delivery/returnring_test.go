package delivery_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"postroom/delivery"
	"postroom/internal/admin"
	"postroom/internal/secret"
	"postroom/store/storetest"
)

func TestReturnSecretsAreOfAllNodesAndReplaced(t *testing.T) {
	s, ctx := storetest.New(t), t.Context()
	path := filepath.Join(t.TempDir(), "master.key")
	key, _, err := admin.UnlockMasterKey(ctx, s, path, "", true)
	if err != nil {
		t.Fatal(err)
	}
	ring := secret.NewRing(key, path, "")
	secrets := func() [][]byte { // as a node that just started reads them
		t.Helper()
		all, err := delivery.NewReturnRing(s, ring, nil).Secrets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	exec := func(sql string) {
		t.Helper()
		if err := s.ExecForTest(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	first := secrets()
	if len(first) != 1 || len(first[0]) != 32 || !bytes.Equal(secrets()[0], first[0]) {
		t.Fatalf("%d secrets, or not the same on another node", len(first))
	}
	exec(`UPDATE return_secrets SET created_at = now() - interval '91 days'`)
	// The master key is replaced meanwhile, as seen by a node that runs.
	if _, err := admin.New(admin.Config{Store: s, Actor: "test", Key: key}).RotateKey(ctx, admin.RotateArgs{Path: path}); err != nil {
		t.Fatal(err)
	}
	two := secrets()
	if len(two) != 2 || !bytes.Equal(two[0], first[0]) || bytes.Equal(two[1], first[0]) {
		t.Fatalf("%d secrets after 91 days; the new one must not sign before all nodes know it", len(two))
	}
	next, err := secret.Load(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ring = secret.NewRing(next, "", "") // of a server that never saw the key before
	exec(`UPDATE return_secrets SET created_at = created_at - interval '11 minutes'`)
	if later := secrets(); len(later) != 2 || !bytes.Equal(later[0], two[1]) || !bytes.Equal(later[1], first[0]) {
		t.Error("the new secret does not sign, or the old one does not verify")
	}
	exec(`UPDATE return_secrets SET created_at = created_at - interval '91 days'`)
	if three := secrets(); len(three) != 2 || !bytes.Equal(three[0], two[1]) {
		t.Errorf("%d secrets after half a year; the first is over", len(three))
	}
}
