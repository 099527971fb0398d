package imapd

import (
	"context"
	"slices"

	"postroom/imapd/view"
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
	// Up to here the mailbox has been looked at.
	modseq  mail.ModSeq
	uidnext mail.UID
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
	v := s.sel.view
	l := &liveSearch{tag: s.tag, uid: uid, args: a, order: order, modseq: v.Newest(), uidnext: v.UIDNext()}
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

// liveExpunged tells which results are about to be expunged: before that is
// told, so that sequence numbers hold (RFC 5267 §4.3.4).
func (s *session) liveExpunged(updates []view.Update) {
	if len(s.sel.live) == 0 {
		return
	}
	var gone []result
	for _, u := range updates {
		if u.Kind == view.Expunged {
			gone = append(gone, result{seq: u.Seq, uid: u.Row.UID})
		}
	}
	slices.Reverse(gone) // the highest number came first
	for _, l := range s.sel.live {
		s.liveRemoved(l, l.among(gone))
	}
}

// liveChanged looks again at what came or changed since the last time, and
// tells what matches now or no more: after EXISTS (RFC 5267 §4.3.3).
func (s *session) liveChanged(ctx context.Context) error {
	for _, l := range s.sel.live {
		v := s.sel.view
		modseq, uidnext := v.Newest(), v.UIDNext()
		if l.modseq >= modseq && l.uidnext >= uidnext {
			continue
		}
		if err := s.lookAgain(ctx, l); err != nil {
			return err
		}
		l.modseq, l.uidnext = modseq, uidnext
	}
	return nil
}

// lookAgain reads nothing of the mailbox itself: what came after the last Sync
// has its own turn, and in IDLE its own wake-up.
func (s *session) lookAgain(ctx context.Context, l *liveSearch) error {
	if err := s.keywordsKnown(ctx); err != nil {
		return err
	}
	var changed []result
	for seq, m := range s.sel.view.All(allUIDs) {
		if m.ModSeq > l.modseq || m.UID >= l.uidnext {
			changed = append(changed, result{seq, m.UID, m.ModSeq})
		}
	}
	for _, set := range l.args.sets {
		if !set.kept {
			set.resolve(s)
		}
	}
	q := &query{s: s, key: l.args.key, among: uidsOf(changed)}
	if err := q.run(ctx); err != nil {
		return err
	}
	added := slices.DeleteFunc(slices.Clone(q.found), func(r result) bool { return l.has(r.uid) })
	removed := slices.DeleteFunc(l.among(changed), func(r result) bool { return holds(q.found, r.uid) })
	if l.order != nil {
		if err := l.order.read(ctx, s, added); err != nil {
			return err
		}
	}
	s.liveRemoved(l, removed)
	s.liveAdded(l, added)
	return nil
}

func (l *liveSearch) has(u mail.UID) bool {
	_, ok := slices.BinarySearch(l.matched, u)
	return ok
}

// among gives those of list that are results.
func (l *liveSearch) among(list []result) (out []result) {
	for _, r := range list {
		if l.has(r.uid) {
			out = append(out, r)
		}
	}
	return out
}

// holds tells whether a list in mailbox order has a message.
func holds(list []result, u mail.UID) bool {
	_, ok := find(list, u)
	return ok
}
