package store_test

import (
	"testing"

	"postroom/internal/mail"
	"postroom/store"
	"postroom/store/storetest"
)

func TestAnotherHistoryNeverReusesUIDs(t *testing.T) {
	url := storetest.Database(t)
	s := storetest.Open(t, url)
	a := storetest.Account(t, s, "alice@example.test")
	deliver := must1[mail.Delivered](t)
	deliver(s.Deliver(t.Context(), storetest.Delivery(body(50), a)))
	if again := storetest.Open(t, url); number(t, again, "SELECT max(uidnext) FROM mailbox_counters") != 2 {
		t.Error("a plain restart moved UIDs")
	}
	for i, change := range []string{"system_identifier = system_identifier + 1", "timeline = timeline + 1"} {
		exec(t, s, "UPDATE instance SET "+change)
		next := storetest.Open(t, url)
		got := deliver(next.Deliver(t.Context(), storetest.Delivery(body(50), a)))
		if want := mail.UID((i+1)<<20 + 2 + i); got.Filed[0].UID != want {
			t.Errorf("uid %d on another history, want %d", got.Filed[0].UID, want)
		}
		sound(t, next)
	}
}

func TestDurabilityIsInsistedOn(t *testing.T) {
	s := storetest.New(t)
	err := s.CheckDurability(t.Context())
	if number(t, s, "SELECT count(*) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'") == 0 {
		if err != nil {
			t.Errorf("a safe database is refused: %v", err)
		}
		return
	}
	wantCode(t, err, mail.CodeInvalid)
}

func TestSynchronousCommitIsTurnedOn(t *testing.T) {
	url := storetest.Database(t)
	first := storetest.Open(t, url)
	exec(t, first, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
	s := storetest.Open(t, url)
	if n := number(t, s, "SELECT (current_setting('synchronous_commit') = 'on')::int"); n != 1 {
		t.Error("commits are not synchronous")
	}
}

func TestClockOfASlotNeverRunsBack(t *testing.T) {
	url := storetest.Database(t)
	s := storetest.Open(t, url)
	last := s.NewID()
	exec(t, s, "UPDATE nodes SET lease_until = now() - interval '1 second'") // as after a crash, long ago
	exec(t, s, "UPDATE nodes SET last_millis = last_millis + 3600000")       // its clock was an hour ahead
	next := storetest.Open(t, url)
	if id := next.NewID(); id>>22 < last>>22+3600000 {
		t.Errorf("id %d goes back behind what the slot may have given", id)
	}
}

func TestRestartTakesTheSlotAgain(t *testing.T) {
	url := storetest.Database(t)
	for range 3 {
		s, err := store.Open(t.Context(), store.Config{URL: url, NoMigrate: true})
		if err != nil {
			t.Fatal(err)
		}
		s.NewID()
		if n := number(t, s, "SELECT count(*) FROM nodes"); n != 1 {
			t.Errorf("%d slots in use after clean restarts, want 1", n)
		}
		s.Close()
	}
}
