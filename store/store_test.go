package store_test

import (
	"testing"

	"postroom/store/storetest"
)

func TestOpenGivesDistinctIDs(t *testing.T) {
	url := storetest.Database(t)
	a, b := storetest.Open(t, url), storetest.Open(t, url)
	seen := map[int64]bool{}
	for range 10000 {
		for _, id := range []int64{a.NewID(), b.NewID()} {
			if seen[id] || id <= 0 {
				t.Fatalf("id %d given twice or not positive", id)
			}
			seen[id] = true
		}
	}
	storetest.Account(t, a, "alice@example.test")
	storetest.Account(t, a, "bob@example.test")
}
