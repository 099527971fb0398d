package imapd

import (
	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// searchReturn is what RETURN asks for (RFC 4731 §3.1, RFC 5182 §2.1, RFC 9394
// §3.1).
type searchReturn struct {
	min, max, all, count, save bool
	partial                    *partialRange
	// context is a hint, update a wish to know of changes (RFC 5267 §4).
	context, update bool
	relevancy       bool // RFC 6203 §4
}

// parseReturn parses
//
//	search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
//	search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"   ; RFC 9051 §9
//	search-return-opt  =/ "PARTIAL" SP partial-range                ; RFC 9394 §4
//	search-return-opt  =/ "CONTEXT" / "UPDATE"                      ; RFC 5267 §5
//	search-return-opt  =/ "RELEVANCY"                               ; RFC 6203 §7
//
// and the space behind them, when they are there.
func (a *searchArgs) parseReturn(d *wire.Decoder) {
	if !d.TryWord("RETURN") {
		return
	}
	a.extended = true
	r := &a.returns
	d.SP()
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
		case "RELEVANCY":
			r.relevancy = true
		case "CONTEXT":
			r.context = true
		case "UPDATE":
			r.update = true
		case "PARTIAL":
			if r.partial != nil {
				d.Fail("PARTIAL given twice")
			}
			d.SP()
			r.partial = parsePartialRange(d)
		default:
			d.Fail("unknown SEARCH return option")
		}
	}
	if r.all && r.partial != nil {
		d.Fail("ALL and PARTIAL exclude each other") // RFC 9394 §3.1
	}
	if *r == (searchReturn{}) {
		r.all = true // RETURN () is RETURN (ALL)
	}
	d.SP()
}

// told is the messages whose highest modseq RFC 4731 §3.2 wants, and those
// that "$" holds afterwards (RFC 5182 §2.1, RFC 9394 §3.2): all, but with MIN,
// MAX or PARTIAL and neither ALL nor COUNT only what those give.
func (r searchReturn) told(found []result) (out []result) {
	n := len(found)
	if r.all || r.count || n == 0 || !r.min && !r.max && r.partial == nil {
		return found
	}
	if r.min {
		out = append(out, found[0])
	}
	if r.partial != nil {
		out = append(out, r.partial.of(found)...)
	}
	if r.max {
		out = append(out, found[n-1])
	}
	return out
}

// toSave is what "$" holds afterwards.
func (r searchReturn) toSave(found []result) mail.UIDSet {
	told := r.told(found)
	uids := make([]mail.UID, len(told))
	for i, t := range told {
		uids[i] = t.uid
	}
	return mail.UIDSetOf(uids...)
}
