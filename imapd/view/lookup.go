package view

import (
	"iter"

	"postroom/internal/mail"
)

// The look-ups need sequence numbers: Build comes first. On a view that was
// not built they find nothing.

// UID gives the UID of a sequence number.
func (v *View) UID(seq uint32) (mail.UID, bool) {
	if v.shown == nil || seq == 0 || seq > v.shown.n {
		return 0, false
	}
	return mail.UID(v.shown.at(seq - 1).uid), true
}

// Seq gives the sequence number of a UID.
func (v *View) Seq(uid mail.UID) (uint32, bool) {
	if v.shown == nil {
		return 0, false
	}
	i := v.shown.search(uint32(uid))
	if i == v.shown.n || v.shown.at(i).uid != uint32(uid) {
		return 0, false
	}
	return i + 1, true
}

// MaxUID is the highest UID the client counts, 0 when there is none: "*".
func (v *View) MaxUID() mail.UID {
	if v.shown == nil {
		return 0
	}
	return mail.UID(v.shown.maxUID())
}

// UIDs turns sequence numbers into UID ranges: one for each, since between two
// messages that the client counts there are none it does not. ok is false when
// a number is above Messages (then the command is BAD, RFC 9051 §6).
func (v *View) UIDs(set []SeqRange) (uids mail.UIDSet, ok bool) {
	for _, r := range set {
		lo, hi := v.star(r.Lo), v.star(r.Hi)
		if lo > hi {
			lo, hi = hi, lo
		}
		first, ok1 := v.UID(lo)
		last, ok2 := v.UID(hi)
		if !ok1 || !ok2 {
			return nil, false
		}
		uids.AddRange(first, last)
	}
	return uids, true
}

func (v *View) star(n uint32) uint32 {
	if n == 0 {
		return v.Messages()
	}
	return n
}

// Clip cuts a set of UIDs at MaxUID, so that a UID command does not touch
// messages the client has not been told of.
func (v *View) Clip(set mail.UIDSet) mail.UIDSet {
	if m := v.MaxUID(); m > 0 {
		return set.Intersect(mail.UIDSet{{Lo: 1, Hi: m}})
	}
	return nil
}

// Row gives the newest known flags of a message that the client counts.
func (v *View) Row(uid mail.UID) (mail.MessageFlags, bool) {
	if v.shown == nil {
		return mail.MessageFlags{}, false
	}
	r, ok := v.shown.find(uint32(uid))
	if !ok {
		return mail.MessageFlags{}, false
	}
	if n, ok := v.newest.find(uint32(uid)); ok && n.modseq >= r.modseq {
		return v.newest.decode(n), true
	}
	return v.shown.decode(r), true
}

// Gone tells whether a message that the client counts was expunged, as far as
// the last Sync knows.
func (v *View) Gone(uid mail.UID) bool {
	if v.shown == nil {
		return false
	}
	if _, ok := v.shown.find(uint32(uid)); !ok {
		return false
	}
	_, ok := v.newest.find(uint32(uid))
	return !ok
}

// AsOf gives the flags that a message had at a mod-sequence, when the client's
// knowledge tells: it was told everything up to there, and nothing since.
func (v *View) AsOf(uid mail.UID, at mail.ModSeq) (mail.MessageFlags, bool) {
	if v.shown == nil || v.unsure.Contains(uid) {
		return mail.MessageFlags{}, false
	}
	r, ok := v.shown.find(uint32(uid))
	if told := mail.ModSeq(r.modseq); !ok || told > at || told < at && at > v.modseq {
		return mail.MessageFlags{}, false
	}
	return v.shown.decode(r), true
}

// Counted gives the UIDs of set that the client counts.
func (v *View) Counted(set mail.UIDSet) (out mail.UIDSet) {
	for _, m := range v.All(set) {
		out.Append(m.UID)
	}
	return out
}

// Untold tells whether the last Sync found new flags of a message that the
// client has not been told.
func (v *View) Untold(uid mail.UID) bool {
	if v.shown == nil || v.shown == v.newest {
		return false
	}
	told, ok := v.shown.find(uint32(uid))
	now, there := v.newest.find(uint32(uid))
	return ok && there && now.modseq > told.modseq
}

// Keywords gives the sets of keywords that messages have, and some that none
// has any more.
func (v *View) Keywords() iter.Seq[[]int16] {
	return func(yield func([]int16) bool) {
		if v.shown == nil {
			return
		}
		for _, words := range []*keywordSets{v.shown.words, v.newest.words} {
			for _, ids := range *words.sets.Load() {
				if !yield(ids) {
					return
				}
			}
		}
	}
}

// All gives the messages of set that the client counts, ascending, by sequence
// number, with their newest known flags.
func (v *View) All(set mail.UIDSet) iter.Seq2[uint32, mail.MessageFlags] {
	return func(yield func(uint32, mail.MessageFlags) bool) {
		if v.shown == nil {
			return
		}
		shown, newest := v.shown, v.newest
		for _, rg := range set {
			for i, r := range shown.from(shown.search(uint32(rg.Lo))) {
				if r.uid > uint32(rg.Hi) {
					break
				}
				from := shown
				if shown != newest {
					if n, ok := newest.find(r.uid); ok && n.modseq >= r.modseq {
						r, from = n, newest
					}
				}
				if !yield(i+1, from.decode(r)) {
					return
				}
			}
		}
	}
}
