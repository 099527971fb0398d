package imapd

import (
	"context"
	"slices"

	"postroom/imapd/view"
	"postroom/internal/mail"
)

// seenUpTo is how far a mailbox has been looked at.
type seenUpTo struct {
	modseq        mail.ModSeq
	uidnext, last mail.UID // last: "*"
}

func (s *session) seenUpTo() seenUpTo {
	v := s.sel.view
	return seenUpTo{v.Newest(), v.UIDNext(), v.MaxUID()}
}

// mayDiffer tells whether a message may match now and did not then, or the
// other way: it came or changed, or a set means it by "*".
func (u seenUpTo) mayDiffer(m mail.MessageFlags, now seenUpTo) bool {
	return m.ModSeq > u.modseq || m.UID >= u.uidnext || m.UID == u.last || m.UID == now.last
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
		now := s.seenUpTo()
		if l.seen == now {
			continue
		}
		if err := s.lookAgain(ctx, l, now); err != nil {
			return err
		}
		l.seen = now
	}
	return nil
}

// lookAgain reads nothing of the mailbox itself: what came after the last Sync
// has its own turn, and in IDLE its own wake-up.
func (s *session) lookAgain(ctx context.Context, l *liveSearch, now seenUpTo) error {
	if err := s.keywordsKnown(ctx); err != nil {
		return err
	}
	var changed []result
	for seq, m := range s.sel.view.All(allUIDs) {
		if l.seen.mayDiffer(m, now) {
			changed = append(changed, result{seq: seq, uid: m.UID, modseq: m.ModSeq})
		}
	}
	for _, set := range l.args.sets {
		if !set.kept {
			set.resolve(s)
		}
	}
	q := &query{s: s, key: l.args.key, hints: l.args.hints, ranges: l.args.ranges, among: uidsOf(changed)}
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
