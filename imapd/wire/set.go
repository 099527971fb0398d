package wire

import (
	"sort"

	"postroom/internal/mail"
)

// NumRange is one element of a sequence set, in the order it was written;
// 0 stands for "*".
type NumRange struct{ Lo, Hi uint32 }

// NumSet is a sequence-set of message numbers or UIDs, kept as ranges.
type NumSet struct {
	Ranges []NumRange
	Saved  bool // "$": the saved search result (RFC 5182)
}

// NumSet parses
//
//	sequence-set = (seq-number / seq-range) ["," sequence-set] / seq-last-command
//	seq-range    = seq-number ":" seq-number
//	seq-number   = nz-number / "*"
func (d *Decoder) NumSet() NumSet {
	var s NumSet
	if d.Try('$') {
		s.Saved = true
		return s
	}
	for d.err == nil {
		r := NumRange{Lo: d.seqNumber()}
		r.Hi = r.Lo
		if d.Try(':') {
			r.Hi = d.seqNumber()
		}
		s.Ranges = append(s.Ranges, r)
		if !d.Try(',') {
			break
		}
	}
	if d.err != nil {
		return NumSet{}
	}
	return s
}

func (d *Decoder) seqNumber() uint32 {
	if d.Try('*') {
		return 0
	}
	return d.NZNumber()
}

// Resolve gives the set with "*" as last, sorted and merged. With last 0 (an
// empty mailbox) "*" names nothing.
func (s NumSet) Resolve(last uint32) mail.UIDSet {
	out := make(mail.UIDSet, 0, len(s.Ranges))
	for _, r := range s.Ranges {
		lo, hi := r.Lo, r.Hi
		if lo == 0 {
			lo = last
		}
		if hi == 0 {
			hi = last
		}
		if lo == 0 || hi == 0 {
			continue
		}
		out = append(out, mail.UIDRange{Lo: mail.UID(min(lo, hi)), Hi: mail.UID(max(lo, hi))})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Lo < out[j].Lo })
	n := 0
	for _, r := range out {
		if n > 0 && uint64(r.Lo) <= uint64(out[n-1].Hi)+1 {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
			continue
		}
		out[n] = r
		n++
	}
	return out[:n]
}

// Max gives the highest number written, 0 when "*" alone was.
func (s NumSet) Max() uint32 {
	var m uint32
	for _, r := range s.Ranges {
		m = max(m, r.Lo, r.Hi)
	}
	return m
}
