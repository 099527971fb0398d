package imapd

import "postroom/internal/mail"

// writeNumbers writes the SEARCH response of IMAP4rev1 (RFC 3501 §7.2.5) and
// the SORT response (RFC 5256 §BASE.7.2.SORT), with MODSEQ when that was
// searched for (RFC 7162 §3.1.5, §3.1.9).
func (s *session) writeNumbers(name string, a *searchArgs, uid bool, found []result) {
	s.enc.Raw("* ", name)
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

// writeESearch writes the ESEARCH response (RFC 9051 §7.3.4) of messages in the
// order of the command, which gives MIN and MAX their meaning (RFC 5267 §3.1).
// SAVE alone gives none (RFC 5182 §2.1).
func (s *session) writeESearch(a *searchArgs, uid bool, found []result) {
	r := a.returns
	if !a.extended {
		r.all = true
	}
	if !r.min && !r.max && !r.all && !r.count && !r.relevancy && r.partial == nil || a.mailboxes && len(found) == 0 {
		return
	}
	s.beginESearch(s.tag, a, uid)
	if n := len(found); n > 0 {
		if r.min {
			s.enc.Raw(" MIN ").Number(found[0].number(uid))
		}
		if r.max {
			s.enc.Raw(" MAX ").Number(found[n-1].number(uid))
		}
		if r.all {
			s.enc.Raw(" ALL ")
			s.writeOrdered(found, uid)
		}
	}
	if r.partial != nil {
		s.writePartial(r.partial, found, uid)
	}
	if r.count {
		s.enc.Raw(" COUNT ").Number(uint64(len(found)))
	}
	if r.relevancy && len(found) > 0 {
		s.writeScores(found, r.partial)
	}
	if told := r.told(found); a.modseq && len(told) > 0 {
		s.enc.Raw(" MODSEQ ").Number(uint64(highest(told)))
	}
	s.enc.CRLF()
}

// beginESearch writes
//
//	"ESEARCH" search-correlator [SP "UID"]   ; RFC 9051 §9, RFC 7377 §4
func (s *session) beginESearch(tag string, a *searchArgs, uid bool) {
	s.enc.Raw("* ESEARCH (TAG ").String(tag)
	if a.mailboxes {
		box := &s.sel.mailbox
		s.enc.Raw(" MAILBOX ").Mailbox(box.Name).Raw(" UIDVALIDITY ").Number(uint64(box.UIDValidity))
	}
	s.enc.Raw(")")
	if uid {
		s.enc.Raw(" UID")
	}
}

// writeOrdered writes a sequence set in the order of found; only what follows
// one upon the other is a range (RFC 5267 §3.2).
func (s *session) writeOrdered(found []result, uid bool) {
	for i := 0; i < len(found); {
		j := i + 1
		for j < len(found) && found[j].number(uid) == found[j-1].number(uid)+1 {
			j++
		}
		if i > 0 {
			s.enc.Raw(",")
		}
		s.enc.Number(found[i].number(uid))
		if j > i+1 {
			s.enc.Raw(":").Number(found[j-1].number(uid))
		}
		i = j
	}
}

// uidsOf gives the UIDs of messages in mailbox order.
func uidsOf(found []result) (set mail.UIDSet) {
	for _, r := range found {
		set.Append(r.uid)
	}
	return set
}
