package store_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/fstest"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func TestNewerAndOlderDatabasesAreRefused(t *testing.T) {
	url := storetest.Database(t)
	s := storetest.Open(t, url)
	exec(t, s, "INSERT INTO schema_migrations (version, name) VALUES (9999, 'of tomorrow')")
	for _, noMigrate := range []bool{false, true} {
		_, err := store.Open(t.Context(), store.Config{URL: url, NoMigrate: noMigrate})
		wantCode(t, err, mail.CodeConflict)
	}
	_, err := store.Open(t.Context(), store.Config{URL: storetest.EmptyDatabase(t), NoMigrate: true})
	wantCode(t, err, mail.CodeConflict)
}

func TestNodesMigrateTogether(t *testing.T) {
	url := storetest.EmptyDatabase(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), store.Config{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
	storetest.Account(t, storetest.Open(t, url), "alice@example.test")
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	s := storetest.New(t)
	at := number(t, s, "SELECT max(version) FROM schema_migrations")
	files := fstest.MapFS{}
	for v := range at {
		files[fmt.Sprintf("%04d_done.sql", v+1)] = &fstest.MapFile{}
	}
	files[fmt.Sprintf("%04d_next.sql", at+1)] = &fstest.MapFile{Data: []byte("CREATE TABLE half (a int); SELECT 1/0;")}
	if err := store.MigrateTo(s, t.Context(), files); err == nil {
		t.Fatal("a migration that fails was applied")
	}
	if n := number(t, s, "SELECT count(*) FROM pg_class WHERE relname = 'half'"); n != 0 {
		t.Error("half a migration is left")
	}
	if now := number(t, s, "SELECT max(version) FROM schema_migrations"); now != at {
		t.Errorf("schema version %d, want %d", now, at)
	}
}
