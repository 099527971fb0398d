package imapd

import (
	"context"

	"postroom/imapd/view"
	"postroom/internal/mail"
)

// IMAP4rev2 has no \Recent: sessions that enabled it claim nothing and are
// told nothing of it (RFC 9051 Appendix A).

// findRecent adds what the client was just told of to its \Recent messages:
// SELECT claims it, EXAMINE only looks (RFC 3501 §6.3.2). after is the UID up
// to which the client knew before. A mailbox that can't be asked now has
// nothing recent: no reason to refuse it.
func (s *session) findRecent(ctx context.Context, after mail.UID) {
	if s.has(featureRev2) {
		return
	}
	r, err := s.askRecent(ctx, after)
	if err != nil {
		s.logInternal("RECENT", err)
		return
	}
	if r.UIDs.Lo <= r.UIDs.Hi {
		s.sel.recent.AddRange(r.UIDs.Lo, r.UIDs.Hi)
		s.sel.recents += uint32(r.Messages)
	}
}

func (s *session) askRecent(ctx context.Context, after mail.UID) (mail.Recent, error) {
	v := s.sel.view
	if !s.sel.readOnly {
		return v.Claim(ctx)
	}
	if v.UIDNext() <= max(after, v.Claimed())+1 {
		return mail.Recent{UIDs: mail.UIDRange{Lo: 1}}, nil
	}
	return s.srv.Store.UnclaimedRecent(ctx, s.sel.mailbox.Account, s.sel.mailbox.ID, after, v.UIDNext()-1)
}

// isRecent tells whether a message of the selected mailbox is \Recent here.
func (s *session) isRecent(uid mail.UID) bool {
	return s.sel != nil && len(s.sel.recent) > 0 && !s.has(featureRev2) && s.sel.recent.Contains(uid)
}

// countRecent brings the number of \Recent messages up to date with what the
// client counts, and tells whether it changed.
func (s *session) countRecent() bool {
	n, ok := s.sel.view.Count(s.sel.recent)
	if !ok || n == s.sel.recents {
		return false
	}
	s.sel.recents = n
	return true
}

func (s *session) writeRecent() {
	if !s.has(featureRev2) {
		s.enc.Raw("* ").Number(uint64(s.sel.recents)).Raw(" RECENT\r\n")
	}
}

// tellRecent follows updates that changed the number of messages.
func (s *session) tellRecent(ctx context.Context, kind view.Kind, after mail.UID) {
	if kind == view.Exists {
		s.findRecent(ctx, after)
		s.countRecent()
		s.writeRecent()
	} else if s.countRecent() {
		s.writeRecent()
	}
}

// firstUnseen gives the first message without \Seen for the UNSEEN code of
// SELECT, 0 when there is none (RFC 3501 §6.3.1). With UIDONLY there is no
// number to give.
func (s *session) firstUnseen(ctx context.Context, state mail.MailboxState) (uint32, error) {
	if state.Unseen == 0 || s.has(featureRev2|featureUIDOnly) {
		return 0, nil
	}
	seq, err := s.sel.view.FirstUnseen(ctx)
	return seq, s.viewError(err)
}

// countUnclaimed fills in what STATUS RECENT asks for.
func (s *session) countUnclaimed(ctx context.Context, account mail.AccountID, items []statusItem, states map[mail.MailboxID]mail.MailboxState) error {
	if !wants(items, "RECENT") {
		return nil
	}
	var ids []mail.MailboxID
	for id, st := range states {
		switch {
		case st.RecentUID == 0: // never claimed
			st.Recent = st.Messages
			states[id] = st
		case st.Messages > 0 && st.RecentUID+1 < st.UIDNext:
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	counts, err := s.srv.Store.RecentCounts(ctx, account, ids)
	if err != nil {
		return err
	}
	for id, n := range counts {
		st := states[id]
		st.Recent = n
		states[id] = st
	}
	return nil
}
