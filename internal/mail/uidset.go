package mail

import (
	"sort"
	"strconv"
	"strings"
)

// UIDRange is an inclusive range, Lo <= Hi.
type UIDRange struct{ Lo, Hi UID }

// UIDSet is a sorted list of disjoint, non-adjacent ranges. It stays ranges
// from the wire to SQL: "1:4294967295" is one element.
type UIDSet []UIDRange

// UIDSetOf makes a set of single UIDs in any order.
func UIDSetOf(uids ...UID) UIDSet {
	sort.Slice(uids, func(i, j int) bool { return uids[i] < uids[j] })
	var s UIDSet
	for _, u := range uids {
		s.Append(u)
	}
	return s
}

// Append adds a UID that is at or above the last one: the cheap way to build
// a set in order.
func (s *UIDSet) Append(u UID) {
	if n := len(*s); n > 0 {
		last := &(*s)[n-1]
		if u <= last.Hi {
			return
		}
		if u == last.Hi+1 {
			last.Hi = u
			return
		}
	}
	*s = append(*s, UIDRange{u, u})
}

// AddRange adds lo..hi anywhere, merging as needed.
func (s *UIDSet) AddRange(lo, hi UID) {
	if lo > hi {
		lo, hi = hi, lo
	}
	old := *s
	i := sort.Search(len(old), func(i int) bool { return uint64(old[i].Hi)+1 >= uint64(lo) })
	j := i
	for j < len(old) && uint64(old[j].Lo) <= uint64(hi)+1 {
		lo, hi = min(lo, old[j].Lo), max(hi, old[j].Hi)
		j++
	}
	out := make(UIDSet, 0, len(old)-(j-i)+1)
	out = append(out, old[:i]...)
	out = append(out, UIDRange{lo, hi})
	*s = append(out, old[j:]...)
}

// Union gives the UIDs in either.
func (s UIDSet) Union(t UIDSet) UIDSet {
	out := append(UIDSet(nil), s...)
	for _, r := range t {
		out.AddRange(r.Lo, r.Hi)
	}
	return out
}

// Contains tells whether u is in the set.
func (s UIDSet) Contains(u UID) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].Hi >= u })
	return i < len(s) && s[i].Lo <= u
}

// Len counts the UIDs.
func (s UIDSet) Len() int64 {
	var n int64
	for _, r := range s {
		n += int64(r.Hi) - int64(r.Lo) + 1
	}
	return n
}

// Intersect gives the UIDs in both.
func (s UIDSet) Intersect(t UIDSet) UIDSet {
	var out UIDSet
	for i, j := 0, 0; i < len(s) && j < len(t); {
		lo, hi := max(s[i].Lo, t[j].Lo), min(s[i].Hi, t[j].Hi)
		if lo <= hi {
			out = append(out, UIDRange{lo, hi})
		}
		if s[i].Hi < t[j].Hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// Subtract gives the UIDs of s that are not in t.
func (s UIDSet) Subtract(t UIDSet) UIDSet {
	var out UIDSet
	j := 0
	for _, r := range s {
		lo, done := r.Lo, false
		for j < len(t) && t[j].Hi < lo {
			j++
		}
		for k := j; k < len(t) && t[k].Lo <= r.Hi; k++ {
			if t[k].Lo > lo {
				out = append(out, UIDRange{lo, t[k].Lo - 1})
			}
			if t[k].Hi >= r.Hi {
				done = true
				break
			}
			lo = max(lo, t[k].Hi+1)
		}
		if !done {
			out = append(out, UIDRange{lo, r.Hi})
		}
	}
	return out
}

// String gives the sequence-set form of RFC 9051 §9: "1:3,7".
func (s UIDSet) String() string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(r.Lo), 10))
		if r.Hi != r.Lo {
			b.WriteByte(':')
			b.WriteString(strconv.FormatUint(uint64(r.Hi), 10))
		}
	}
	return b.String()
}
