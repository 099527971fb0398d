package server

import (
	"testing"
	"time"
)

func TestLull(t *testing.T) {
	var l lull
	now, allocated, free := time.Unix(1_800_000_000, 0), uint64(0), uint64(0)
	second := func(octets uint64) bool {
		now, allocated = now.Add(time.Second), allocated+octets
		return l.found(now, allocated, 64<<20, free)
	}
	for range 100 {
		if second(3 << 20) {
			t.Fatal("given back in the middle of a burst")
		}
	}
	if !second(1 << 10) {
		t.Error("kept after a burst")
	}
	for range 100 {
		if second(1 << 10) {
			t.Fatal("given back twice, and for nothing")
		}
	}
	second(15 << 20)
	if second(0) {
		t.Error("a collection for less than a quarter of what is in use")
	}
	second(15 << 20)
	if !second(0) {
		t.Error("several small bursts are never given back")
	}
	if second(30<<20) || second(0) {
		t.Error("given back twice within seconds")
	}
	for range 20 { // what was allocated is given back meanwhile
		second(0)
	}
	free = 15 << 20
	if second(0) {
		t.Error("a collection for less free memory than a quarter of what is in use")
	}
	free = 16 << 20
	if !second(0) {
		t.Error("freed memory is kept")
	}
}
