package imapd

import (
	"context"

	"postroom/imapd/view"
	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// selection is the selected mailbox of a session.
type selection struct {
	mailbox  mail.Mailbox
	rights   mail.Rights
	examined bool // by EXAMINE
	readOnly bool
	view     *view.View
	watch    Watch
	stale    bool          // something changed that the view has not read
	beside   bool          // an EXISTS stood beside the answer to a command that did not ask for it
	saved    mail.UIDSet   // "$", the saved search result (RFC 5182)
	live     []*liveSearch // searches kept up to date (RFC 5267)
	recent   mail.UIDSet   // \Recent to this session
	recents  uint32        // how many of them the client counts
}

// selectMailbox opens a mailbox; the one before is left. It gives the state as
// of one moment, with what happened since r; before is what was heard before p
// was found.
func (s *session) selectMailbox(ctx context.Context, p place, readOnly bool, r *resync, before heard) (mail.Changes, error) {
	box := p.box
	sel := &selection{mailbox: box, examined: readOnly}
	sel.allow(p.rights)
	if s.srv.WatchMailbox != nil {
		sel.watch = s.srv.WatchMailbox(box.Account, box.ID)
	}
	ch := mail.Changes{State: p.state}
	if r.of(box) {
		// State and changes are of one moment.
		var err error
		if ch, err = s.srv.Store.ChangesSince(ctx, box.Account, box.ID, r.since); err != nil {
			sel.close()
			return ch, err
		}
	} else {
		// What was committed between the reading and the watch is told next.
		sel.stale = s.heard().missedMailbox(before)
	}
	sel.view = s.srv.Views.Open(box.Account, box.ID, ch.State)
	s.sel, s.state = sel, selected
	s.notifySelection()
	return ch, nil
}

func (l *selection) close() {
	if l.view != nil {
		l.view.Close()
	}
	if l.watch.Close != nil {
		l.watch.Close()
	}
}

// unselect leaves the selected mailbox, if there is one.
func (s *session) unselect() {
	if s.sel == nil {
		return
	}
	s.notifyLeaving()
	s.sel.close()
	s.sel = nil
	s.state = authenticated
	s.notifySelection()
}

// touched notes that this session itself changed a mailbox.
func (s *session) touched(id mail.MailboxID) {
	if s.sel != nil && s.sel.mailbox.ID == id {
		s.sel.stale = true
	}
}

// changed tells whether the mailbox may have changed since the last Sync.
func (l *selection) changed() bool {
	if l.watch.C == nil {
		return true
	}
	select {
	case <-l.watch.C:
		l.stale = true
	default:
	}
	return l.stale
}

// sync reads what changed. A mailbox that is gone, or changed in a way that
// can't be told, ends the session (RFC 9051 §6.3.5).
func (s *session) sync(ctx context.Context) error {
	if !s.sel.changed() {
		return nil
	}
	s.sel.stale = false
	if err := s.lookAtRights(ctx); err != nil {
		s.sel.stale = true
		return err
	}
	err := s.sel.view.Sync(ctx)
	return s.viewError(err)
}

func (s *session) viewError(err error) error {
	if err == nil {
		return nil
	}
	s.sel.stale = true
	switch mail.CodeOf(err) {
	case mail.CodeNotFound:
		return s.bye("", "the selected mailbox was deleted")
	case mail.CodeExpired:
		return s.bye("", mail.TextOf(err))
	}
	return err
}

// numbers makes the view ready for a command that uses sequence numbers or
// flags: as new as what was committed before the command.
func (s *session) numbers(ctx context.Context) error {
	if err := s.sync(ctx); err != nil {
		return err
	}
	return s.viewError(s.sel.view.Build(ctx))
}

// update reads and tells what is new.
func (s *session) update(ctx context.Context, mayExpunge bool) error {
	if err := s.sync(ctx); err != nil {
		return err
	}
	known := s.sel.view.UIDNext() - 1
	updates := s.sel.view.Flush(mayExpunge)
	s.liveExpunged(updates)
	if err := s.tell(ctx, updates, known); err != nil {
		return err
	}
	if err := s.fetchNew(ctx, known+1); err != nil {
		return err
	}
	return s.liveChanged(ctx)
}

// tell writes untagged responses for the view's updates; known is the UID up to
// which the client knew before.
func (s *session) tell(ctx context.Context, updates []view.Update, known mail.UID) error {
	if n := len(updates); s.has(featureQresync | featureUIDOnly) {
		if updates = s.tellVanished(updates); len(updates) < n {
			s.tellRecent(ctx, view.Expunged, known)
		}
	}
	for i, u := range updates {
		switch u.Kind {
		case view.Expunged:
			s.enc.Raw("* ").Number(uint64(u.Seq)).Raw(" EXPUNGE\r\n")
		case view.Exists:
			s.enc.Raw("* ").Number(uint64(u.Seq)).Raw(" EXISTS\r\n")
			s.sel.beside = true
		case view.Flags:
			if s.notify.ignoresFlags() {
				continue
			}
			if err := s.tellFlags(ctx, u.Seq, u.Row); err != nil {
				return err
			}
		}
		if last := i+1 == len(updates) || updates[i+1].Kind > u.Kind; last && u.Kind != view.Flags {
			s.tellRecent(ctx, u.Kind, known)
		}
	}
	return nil
}

// tellFlags writes an unsolicited FETCH. With CONDSTORE it has UID and MODSEQ
// (RFC 7162 §3.2.4: MODSEQ; the UID helps every client).
func (s *session) tellFlags(ctx context.Context, seq uint32, m mail.MessageFlags) error {
	if err := s.keywordsOf(ctx, m.Keywords); err != nil {
		return err
	}
	s.beginFetch(seq, m.UID)
	if !s.has(featureUIDOnly) {
		s.enc.Raw("UID ").Number(uint64(m.UID)).Raw(" ")
	}
	s.enc.Raw("FLAGS ")
	s.writeFlags(m)
	if s.has(featureCondstore) {
		s.enc.Raw(" MODSEQ (").Number(uint64(m.ModSeq)).Raw(")")
	}
	s.enc.Raw(")\r\n")
	return nil
}

// resolve gives the UIDs that a set of a command names: only messages the
// client counts. Sequence numbers beyond the mailbox are BAD (RFC 9051 §9,
// seq-number); unknown UIDs are passed over (§6.4.9). Call numbers before.
func (s *session) resolve(set wire.NumSet, uid bool) (mail.UIDSet, error) {
	v := s.sel.view
	if set.Saved {
		return v.Clip(s.sel.saved), nil
	}
	if uid {
		last := v.MaxUID()
		if last == 0 {
			return nil, nil
		}
		return v.Clip(set.Resolve(uint32(last))), nil
	}
	last := v.Messages()
	if set.Max() > last || last == 0 {
		return nil, bad("no such message number")
	}
	var uids mail.UIDSet
	for _, r := range set.Resolve(last) {
		lo, _ := v.UID(uint32(r.Lo))
		hi, _ := v.UID(uint32(r.Hi))
		if n := len(uids); n > 0 && uids[n-1].Hi+1 == lo {
			uids[n-1].Hi = hi
			continue
		}
		uids = append(uids, mail.UIDRange{Lo: lo, Hi: hi})
	}
	return uids, nil
}

// writable refuses writing commands in a mailbox that is open read-only, and
// without the rights for them.
func (s *session) writable(needed mail.Rights) error {
	if s.sel.readOnly {
		return no("NOPERM", "the mailbox is open read-only")
	}
	return s.sel.need(needed)
}
