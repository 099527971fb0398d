package view

import "postroom/internal/mail"

// Flush gives the untagged responses that bring the client up to the last
// Sync, and counts them as told. With mayExpunge false (RFC 9051 §7.5.1: FETCH,
// STORE and SEARCH with sequence numbers) messages that went keep their
// numbers and are told by a later Flush.
//
// Expunges come first, the highest number first, so that each number is right
// however the client applies them; then EXISTS; then changed flags.
func (v *View) Flush(mayExpunge bool) []Update {
	if !v.built() {
		return v.flushLazy()
	}
	if v.shown == v.newest {
		v.modseq, v.uidnext = v.shown.modseq, v.shown.uidnext
		return nil
	}
	p := pending{view: v, mayExpunge: mayExpunge}
	diff(v.shown, v.newest, func(n uint32) { p.old += n; p.kept += n }, p.visit)
	updates := p.updates()
	v.settle(&p)
	return updates
}

func (v *View) flushLazy() []Update {
	if v.lazy == nil {
		return nil
	}
	v.modseq, v.uidnext = v.lazy.HighestModSeq, v.lazy.UIDNext
	v.n += v.more
	more := v.more
	v.lazy, v.more = nil, 0
	if more == 0 {
		return nil
	}
	return []Update{{Kind: Exists, Seq: v.n}}
}

// pending collects the differences between shown and newest.
type pending struct {
	view       *View
	mayExpunge bool
	old, kept  uint32 // rows passed: in shown, and in what will be shown
	came       uint32
	gone       []Update
	flags      []Update
	keep       []mail.MessageFlags // rows to put on top of newest: still counted, or told newer
	ghosts     bool
}

func (p *pending) visit(a, b *row) {
	v := p.view
	switch {
	case b == nil:
		p.old++
		if p.mayExpunge {
			p.gone = append(p.gone, Update{Kind: Expunged, Seq: p.old, Row: mail.MessageFlags{UID: mail.UID(a.uid)}})
			return
		}
		p.kept++
		p.ghosts = true
		p.keep = append(p.keep, v.shown.decode(*a))
	case a == nil:
		p.kept++
		p.came++
	case a.modseq > b.modseq:
		p.old++
		p.kept++
		p.keep = append(p.keep, v.shown.decode(*a))
	default:
		p.old++
		p.kept++
		p.flags = append(p.flags, Update{Kind: Flags, Seq: p.kept, Row: v.newest.decode(*b)})
	}
}

func (p *pending) updates() []Update {
	out := make([]Update, 0, len(p.gone)+1+len(p.flags))
	for i := len(p.gone) - 1; i >= 0; i-- {
		out = append(out, p.gone[i])
	}
	if p.came > 0 {
		out = append(out, Update{Kind: Exists, Seq: p.kept})
	}
	return append(out, p.flags...)
}

func (v *View) settle(p *pending) {
	v.uidnext = v.newest.uidnext
	if !p.ghosts {
		v.modseq, v.unsure = v.newest.modseq, nil
	}
	if len(p.keep) == 0 {
		v.shown = v.newest
		return
	}
	v.shown = v.newest.apply(p.keep, nil, v.newest.modseq, v.newest.uidnext)
}

// Told notes that the client was given these rows in answer to its own STORE
// or FETCH, so that Flush does not repeat them. Rows older than what it knows
// and messages it does not count are passed over.
func (v *View) Told(rows []mail.MessageFlags) {
	if !v.built() {
		return
	}
	var newer []mail.MessageFlags
	for _, m := range rows {
		if r, ok := v.shown.find(uint32(m.UID)); ok && mail.ModSeq(r.modseq) < m.ModSeq {
			newer = append(newer, m)
		}
	}
	if len(newer) > 0 {
		v.shown = v.shown.apply(newer, nil, v.shown.modseq, v.shown.uidnext)
	}
}
