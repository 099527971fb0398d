package store_test

import (
	"testing"
	"time"

	"postroom/store"
	"postroom/store/storetest"
)

// TestClockOffset: a database on this machine has this machine's clock.
func TestClockOffset(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{URL: storetest.Database(t), NodeName: "clock"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if off, err := s.ClockOffset(t.Context()); err != nil || off.Abs() > time.Second {
		t.Errorf("ahead by %v, %v", off, err)
	}
}
