package imapd

import (
	"slices"

	"postroom/internal/mail"
)

// liveSearch is a SEARCH or SORT whose client wants to know how its result
// changes, as long as the mailbox is selected (RFC 5267 §4.3).
type liveSearch struct {
	tag     string
	uid     bool
	args    *searchArgs
	matched []mail.UID // ascending
	order   *liveOrder // of a SORT; nil: mailbox order
	seen    seenUpTo
}

const (
	// maxLiveSearches and, of these, maxLiveSorts bound what a session keeps:
	// four octets for each message that matches, and in a SORT its key.
	maxLiveSearches = 8
	maxLiveSorts    = 2
)

// freshTag refuses UPDATE under a tag that has it already (RFC 5267 §4.3).
func (s *session) freshTag(a *searchArgs) error {
	if a.returns.update && slices.ContainsFunc(s.sel.live, func(l *liveSearch) bool { return l.tag == s.tag }) {
		return bad("the tag of an earlier UPDATE is used again")
	}
	return nil
}

// follow keeps a search that found these, with the keys of a SORT, when that
// is asked for and there is room; else the client is told (RFC 5267 §4.3.1).
func (s *session) follow(a *searchArgs, uid bool, found []result, order *liveOrder) {
	if !a.returns.update {
		return
	}
	if s.limited != 0 {
		s.enc.Raw("* NO [NOUPDATE ").String(s.tag).Raw("] part of a search is not kept up to date\r\n")
		return
	}
	sorts := 0
	for _, l := range s.sel.live {
		if l.order != nil {
			sorts++
		}
	}
	if len(s.sel.live) >= maxLiveSearches || order != nil && sorts >= maxLiveSorts {
		s.enc.Raw("* NO [NOUPDATE ").String(s.tag).Raw("] too many searches are kept up to date\r\n")
		return
	}
	l := &liveSearch{tag: s.tag, uid: uid, args: a, order: order, seen: s.seenUpTo()}
	for _, r := range found {
		l.matched = append(l.matched, r.uid)
	}
	slices.Sort(l.matched)
	for _, set := range a.sets {
		set.keep(s)
	}
	s.sel.live = append(s.sel.live, l)
}

// keep makes a set stay what it is now: sequence numbers and "$" mean the
// messages that they meant when the command came (RFC 5267 §4.3).
func (p *pendingSet) keep(s *session) {
	if !p.uid && !p.set.Saved {
		var uids mail.UIDSet
		for seq, m := range s.sel.view.All(allUIDs) {
			if p.found.Contains(mail.UID(seq)) {
				uids.Append(m.UID)
			}
		}
		p.found = uids
	}
	p.kept = p.kept || p.set.Saved || !p.uid
	p.uid = true
}
