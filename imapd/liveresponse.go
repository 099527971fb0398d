package imapd

import (
	"slices"

	"postroom/internal/mail"
)

// liveRemoved writes
//
//	ret-data-removefrom = "REMOVEFROM" SP "(" context-position SP sequence-set
//	                      *(SP context-position SP sequence-set) ")"   ; RFC 5267 §5
//
// and forgets them.
func (s *session) liveRemoved(l *liveSearch, removed []result) {
	if len(removed) == 0 {
		return
	}
	s.beginESearch(l.tag, l.args, l.uid)
	s.enc.Raw(" REMOVEFROM (")
	if l.order == nil {
		s.enc.Raw("0 ")
		s.writeOrdered(removed, l.uid)
	} else {
		s.writePlaces(l.order.remove(removed), l.uid)
	}
	s.enc.Raw(")\r\n")
	l.matched = slices.DeleteFunc(l.matched, func(u mail.UID) bool { return holds(removed, u) })
}

// liveAdded writes ADDTO, which has the form of REMOVEFROM, and takes them in.
func (s *session) liveAdded(l *liveSearch, added []result) {
	if len(added) == 0 {
		return
	}
	s.beginESearch(l.tag, l.args, l.uid)
	s.enc.Raw(" ADDTO (")
	if l.order == nil {
		s.enc.Raw("0 ")
		s.writeOrdered(added, l.uid)
	} else {
		s.writePlaces(l.order.add(), l.uid)
	}
	s.enc.Raw(")\r\n")
	for _, r := range added {
		l.matched = append(l.matched, r.uid)
	}
	slices.Sort(l.matched)
}

// placed is a message with its place in the order of a SORT, from 1.
type placed struct {
	result
	at int
}

func (s *session) writePlaces(list []placed, uid bool) {
	for i, p := range list {
		if i > 0 {
			s.enc.Raw(" ")
		}
		s.enc.Number(uint64(p.at)).Raw(" ").Number(p.number(uid))
	}
}
