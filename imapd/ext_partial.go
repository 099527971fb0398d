package imapd

import (
	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// partialRange is a range of places in a list of results: 1 is the first and,
// with last, 1 is the last.
type partialRange struct {
	lo, hi uint32 // as the client wrote them
	last   bool
}

// parsePartialRange parses
//
//	partial-range       = partial-range-first / partial-range-last   ; RFC 9394 §4
//	partial-range-first = nz-number ":" nz-number
//	partial-range-last  = MINUS nz-number ":" MINUS nz-number
func parsePartialRange(d *wire.Decoder) *partialRange {
	p := &partialRange{last: d.Try('-')}
	p.lo = d.NZNumber()
	d.Expect(':')
	if p.last {
		d.Expect('-')
	}
	p.hi = d.NZNumber()
	return p
}

// of gives the results that the range names, in their order.
func (p *partialRange) of(found []result) []result {
	from, to := p.within(len(found))
	return found[from:to]
}

// within gives the indexes from, inclusive, and to, exclusive, of n things.
func (p *partialRange) within(n int) (from, to int) {
	lo, hi := int64(min(p.lo, p.hi)), int64(max(p.lo, p.hi))
	from, to = int(min(lo-1, int64(n))), int(min(hi, int64(n)))
	if p.last {
		from, to = n-to, n-from
	}
	return from, to
}

// clip keeps the UIDs at those places among the messages of the view.
func (p *partialRange) clip(s *session, uids mail.UIDSet) (out mail.UIDSet) {
	var all []mail.UID
	for _, m := range s.sel.view.All(uids) {
		all = append(all, m.UID)
	}
	from, to := p.within(len(all))
	for _, u := range all[from:to] {
		out.Append(u)
	}
	return out
}

// writePartial writes
//
//	ret-data-partial = "PARTIAL" SP "(" partial-range SP (sequence-set / "NIL") ")"   ; RFC 9394 §4
func (s *session) writePartial(p *partialRange, found []result, uid bool) {
	sign := ""
	if p.last {
		sign = "-"
	}
	s.enc.Raw(" PARTIAL (", sign).Number(uint64(p.lo)).Raw(":", sign).Number(uint64(p.hi)).Raw(" ")
	if part := p.of(found); len(part) > 0 {
		s.writeOrdered(part, uid)
	} else {
		s.enc.Raw("NIL")
	}
	s.enc.Raw(")")
}
