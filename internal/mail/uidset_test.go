package mail

import (
	"testing"

	"pgregory.net/rapid"
)

func genSet(t *rapid.T, label string) (UIDSet, map[UID]bool) {
	var s UIDSet
	model := map[UID]bool{}
	for range rapid.IntRange(0, 8).Draw(t, label+"n") {
		lo := UID(rapid.IntRange(1, 40).Draw(t, label+"lo"))
		hi := lo + UID(rapid.IntRange(0, 6).Draw(t, label+"len"))
		s.AddRange(lo, hi)
		for u := lo; u <= hi; u++ {
			model[u] = true
		}
	}
	return s, model
}

func TestUIDSetAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, ma := genSet(t, "a")
		b, mb := genSet(t, "b")
		inter, diff, union := a.Intersect(b), a.Subtract(b), a.Union(b)
		for u := UID(1); u < 60; u++ {
			if a.Contains(u) != ma[u] {
				t.Fatalf("%v contains %d: %v", a, u, !ma[u])
			}
			if inter.Contains(u) != (ma[u] && mb[u]) {
				t.Fatalf("%v ∩ %v = %v at %d", a, b, inter, u)
			}
			if diff.Contains(u) != (ma[u] && !mb[u]) {
				t.Fatalf("%v − %v = %v at %d", a, b, diff, u)
			}
			if union.Contains(u) != (ma[u] || mb[u]) {
				t.Fatalf("%v ∪ %v = %v at %d", a, b, union, u)
			}
		}
		if a.Len() != int64(len(ma)) {
			t.Fatalf("Len %d, want %d", a.Len(), len(ma))
		}
		for i := 1; i < len(a); i++ {
			if a[i].Lo <= a[i-1].Hi+1 {
				t.Fatalf("ranges touch: %v", a)
			}
		}
	})
}

func TestUIDSetEdges(t *testing.T) {
	all := UIDSet{{1, 4294967295}}
	if got := all.Subtract(UIDSet{{4294967295, 4294967295}}).String(); got != "1:4294967294" {
		t.Error(got)
	}
	var s UIDSet
	s.AddRange(4294967295, 4294967290)
	s.AddRange(1, 1)
	if got := s.String(); got != "1,4294967290:4294967295" {
		t.Error(got)
	}
}

func TestTraceIDRoundTrip(t *testing.T) {
	for _, id := range []TraceID{1, 1 << 40, 1<<63 - 1} {
		got, err := ParseTraceID(id.String())
		if err != nil || got != id {
			t.Errorf("%d: %q gives %d, %v", id, id, got, err)
		}
	}
	if _, err := ParseTraceID("zzzzzzzzzzzzz"); err == nil {
		t.Error("an id over 63 bits was read")
	}
}
