package imapd

import (
	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// searchReturn is what RETURN asks for (RFC 4731 §3.1, RFC 5182 §2.1).
type searchReturn struct{ min, max, all, count, save bool }

// parseSearchReturn parses
//
//	search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
//	search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"   ; RFC 9051 §9
func parseSearchReturn(d *wire.Decoder) (r searchReturn) {
	d.Expect('(')
	for first := true; d.Err() == nil && !d.Try(')'); first = false {
		if !first {
			d.SP()
		}
		switch d.Word() {
		case "MIN":
			r.min = true
		case "MAX":
			r.max = true
		case "ALL":
			r.all = true
		case "COUNT":
			r.count = true
		case "SAVE":
			r.save = true
		default:
			d.Fail("unknown SEARCH return option")
		}
	}
	if r == (searchReturn{}) {
		r.all = true // RETURN () is RETURN (ALL)
	}
	return r
}

// writeSearch writes the SEARCH response of IMAP4rev1 (RFC 3501 §7.2.5), with
// MODSEQ when that was searched for (RFC 7162 §3.1.5).
func (s *session) writeSearch(a *searchArgs, uid bool, found []result) {
	s.enc.Raw("* SEARCH")
	for _, r := range found {
		s.enc.Raw(" ").Number(r.number(uid))
	}
	if a.modseq && len(found) > 0 {
		s.enc.Raw(" (MODSEQ ").Number(uint64(highest(found))).Raw(")")
	}
	s.enc.CRLF()
}

func (r result) number(uid bool) uint64 {
	if uid {
		return uint64(r.uid)
	}
	return uint64(r.seq)
}

func highest(found []result) (m mail.ModSeq) {
	for _, r := range found {
		m = max(m, r.modseq)
	}
	return m
}

// writeESearch writes the ESEARCH response (RFC 9051 §7.3.4). SAVE alone gives
// none (RFC 5182 §2.1).
func (s *session) writeESearch(a *searchArgs, uid bool, found []result) {
	r := a.returns
	if !a.extended {
		r.all = true
	}
	if !r.min && !r.max && !r.all && !r.count {
		return
	}
	s.enc.Raw("* ESEARCH (TAG ").String(s.tag).Raw(")")
	if uid {
		s.enc.Raw(" UID")
	}
	if n := len(found); n > 0 {
		if r.min {
			s.enc.Raw(" MIN ").Number(found[0].number(uid))
		}
		if r.max {
			s.enc.Raw(" MAX ").Number(found[n-1].number(uid))
		}
		if r.all {
			s.enc.Raw(" ALL ").Set(numbersOf(found, uid))
		}
	}
	if r.count {
		s.enc.Raw(" COUNT ").Number(uint64(len(found)))
	}
	if told := r.told(found); a.modseq && len(told) > 0 {
		s.enc.Raw(" MODSEQ ").Number(uint64(highest(told)))
	}
	s.enc.CRLF()
}

// told is the messages whose highest modseq RFC 4731 §3.2 wants: with MIN and
// MAX alone only those two.
func (r searchReturn) told(found []result) []result {
	n := len(found)
	if r.all || r.count || n == 0 {
		return found
	}
	switch {
	case r.min && r.max:
		return []result{found[0], found[n-1]}
	case r.min:
		return found[:1]
	}
	return found[n-1:]
}

func numbersOf(found []result, uid bool) (set mail.UIDSet) {
	for _, r := range found {
		set.Append(mail.UID(r.number(uid)))
	}
	return set
}

// toSave is what "$" holds afterwards: with MIN or MAX and neither ALL nor
// COUNT only those (RFC 5182 §2.1).
func (r searchReturn) toSave(found []result) mail.UIDSet {
	if (r.min || r.max) && !r.all && !r.count {
		found = r.told(found)
	}
	return numbersOf(found, true)
}
