package postings

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// search is what the store does: the last block that does not begin above each
// key.
func search(t *testing.T, s Segment, keys ...int32) []int64 {
	t.Helper()
	f := Found{Messages: s.Messages}
	for _, k := range append([]int32{Always}, keys...) {
		i := sort.Search(len(s.Blocks), func(i int) bool { return s.Blocks[i].First > k })
		if i == 0 {
			continue
		}
		if err := f.Add(k, s.Blocks[i-1]); err != nil {
			t.Fatal(err)
		}
	}
	ids, err := f.All(len(keys))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

// some makes messages whose keys are as unevenly spread as words are.
func some(r *rand.Rand, first int64, n int) (entries []Entry) {
	for i := range n {
		e := Entry{Message: first + int64(i)}
		if r.IntN(50) == 0 {
			e.Keys = []int32{Always}
		} else {
			seen := map[int32]bool{}
			for range 1 + r.IntN(300) {
				k := int32(r.IntN(1 << (1 + r.IntN(20))))
				if !seen[k] {
					seen[k], e.Keys = true, append(e.Keys, k)
				}
			}
		}
		entries = append(entries, e)
	}
	return entries
}

func having(entries []Entry, keys ...int32) (ids []int64) {
	for _, e := range entries {
		all := !slices.ContainsFunc(keys, func(k int32) bool { return !slices.Contains(e.Keys, k) })
		if all || slices.Contains(e.Keys, Always) {
			ids = append(ids, e.Message)
		}
	}
	slices.Sort(ids)
	return ids
}

func compare(t *testing.T, r *rand.Rand, s Segment, entries []Entry) {
	t.Helper()
	for range 200 {
		var keys []int32
		for range 1 + r.IntN(3) {
			if from := entries[r.IntN(len(entries))].Keys; r.IntN(3) > 0 && from[0] != Always {
				keys = append(keys, from[r.IntN(len(from))])
			} else {
				keys = append(keys, int32(r.IntN(Always)))
			}
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		if got, want := search(t, s, keys...), having(entries, keys...); !slices.Equal(got, want) {
			t.Fatalf("%v: %v, want %v", keys, got, want)
		}
	}
}

func TestSegmentsFindWhatWasPutIn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 64, MostEntries} {
		entries := some(r, 1<<40, n)
		s := Build(entries)
		compare(t, r, s, entries)
		for _, b := range s.Blocks[:len(s.Blocks)-1] {
			if one := b.entries(); len(b.Data) > BlockSize {
				if _, err := one.next(); err != nil || len(one.rest) > 0 {
					t.Errorf("a block of %d octets has several lists", len(b.Data))
				}
			}
		}
	}
}

func TestMergedSegmentsFindWhatIsKept(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var segments []Segment
	var all []Entry
	for i := range 8 {
		entries := some(r, int64(10000*(8-i)), 1+r.IntN(300))
		all = append(all, entries...)
		segments = append(segments, Build(entries))
	}
	keep := func(id int64) bool { return id%3 != 0 }
	merged, err := Merge(segments, keep)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, r, merged, slices.DeleteFunc(slices.Clone(all), func(e Entry) bool { return !keep(e.Message) }))
	again, err := Merge([]Segment{merged, {}, Build(some(r, 1, 5))}, func(id int64) bool { return id > 5 })
	if err != nil || again.Octets() != merged.Octets() || !slices.Equal(again.Messages, merged.Messages) {
		t.Errorf("%d octets of %d messages became %d of %d: %v", merged.Octets(), len(merged.Messages), again.Octets(), len(again.Messages), err)
	}
	if none, err := Merge(segments, func(int64) bool { return false }); err != nil || len(none.Messages)+len(none.Blocks) > 0 {
		t.Errorf("of nothing, %d messages and %d blocks are left: %v", len(none.Messages), len(none.Blocks), err)
	}
}

// FuzzDamage: whatever the octets, an answer or ErrDamaged.
func FuzzDamage(f *testing.F) {
	for _, b := range Build(some(rand.New(rand.NewPCG(5, 6)), 1, 20)).Blocks {
		f.Add(b.First, b.Data)
	}
	f.Add(int32(1), []byte{0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1})
	f.Fuzz(func(t *testing.T, first int32, data []byte) {
		b := Block{First: first & (Always - 1), Data: data}
		found := Found{Messages: make([]int64, 20)}
		err := found.Add(b.First, b)
		if err == nil {
			_, err = found.All(1)
		}
		_, mergeErr := Merge([]Segment{{found.Messages, []Block{b}}}, func(int64) bool { return true })
		for _, err := range []error{err, mergeErr} {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	entries := some(rand.New(rand.NewPCG(7, 8)), 1, 64)
	for b.Loop() {
		Build(entries)
	}
}

func BenchmarkMerge(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	var segments []Segment
	for range 8 {
		segments = append(segments, Build(some(r, 1, 1000)))
	}
	for b.Loop() {
		if _, err := Merge(segments, func(int64) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}
