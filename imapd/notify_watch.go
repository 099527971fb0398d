package imapd

// setNotify makes n hold from now on. Watching begins before anything is read:
// what is committed in between is seen.
func (s *session) setNotify(n *notify) {
	s.notify = n
	s.namesMoved.Store(false)
	s.statesMoved.Store(false)
	s.notifySelection()
}

// notifyAgain goes back to what held before, nil for nothing.
func (s *session) notifyAgain(before *notify) {
	s.endNotify()
	if before != nil {
		s.setNotify(before)
		s.namesMoved.Store(true)
		s.statesMoved.Store(true)
		s.conn.wake()
	}
}

// endNotify goes back to what RFC 9051 says.
func (s *session) endNotify() {
	if s.notify == nil {
		return
	}
	s.wakeOn(Watch{})
	s.watcher.others <- Watch{}
	if s.metadata.seqs == nil {
		s.watcher.shared <- Watch{}
	}
	s.notify.unwatch()
	s.notify = nil
}

func (n *notify) unwatch() {
	for _, w := range []*Watch{&n.watch, &n.watchAll} {
		w.end()
		*w = Watch{}
	}
}

// notifySelection watches again after another mailbox was selected, or none, or
// the names changed.
func (s *session) notifySelection() {
	n := s.notify
	if n == nil {
		return
	}
	n.unwatch()
	if s.sel != nil && n.hearsSelected() && s.srv.WatchMailbox != nil {
		// Beside the selection's own watch, which a command looks at.
		n.watch = s.srv.WatchMailbox(s.sel.mailbox.Account, s.sel.mailbox.ID)
		s.selectedMoved.Store(true)
		s.conn.wake()
	}
	if boxes := s.notified(); len(boxes) > 0 && s.srv.WatchMailboxes != nil {
		n.watchAll = s.srv.WatchMailboxes(boxes)
	}
	s.wakeOn(n.watch)
	s.watcher.others <- n.watchAll
	s.watchShared()
}
