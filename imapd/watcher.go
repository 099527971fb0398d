package imapd

import (
	"time"

	"postroom/internal/mail"
)

// watcher is the one small goroutine beside a session's own: it waits for
// wake-ups and interrupts the session's read. It touches nothing else.
type watcher struct {
	account Watch
	mailbox chan Watch // the selected one, for IDLE and NOTIFY; the zero Watch for none
	others  chan Watch // those of NOTIFY
	shared  chan Watch // what accounts share, once a client wants to know
	done    chan struct{}
}

// recheckPause is how long a session waits before it asks again whether its
// log-in is valid when the store did not answer.
const recheckPause = time.Second

// watch starts the watcher after login.
func (s *session) watch() {
	w := &watcher{mailbox: make(chan Watch), others: make(chan Watch), shared: make(chan Watch), done: make(chan struct{})}
	if s.srv.WatchAccount != nil {
		w.account = s.srv.WatchAccount(s.identity.Account)
	}
	s.watcher = w
	go s.forward(w)
}

// forward runs in the watcher's goroutine.
func (s *session) forward(w *watcher) {
	defer close(w.done)
	var mailbox, others, shared Watch
	defer func() { shared.end() }()
	ok := true
	for ok {
		select {
		case mailbox, ok = <-w.mailbox:
		case others = <-w.others:
		case <-others.C:
			s.statesMoved.Store(true)
			s.conn.wake()
		case next := <-w.shared:
			shared.end()
			shared = next
		case <-shared.C:
			s.recheck.Store(true)
			s.namesMoved.Store(true)
			s.conn.wake()
		case <-w.account.C:
			s.recheck.Store(true)
			s.namesMoved.Store(true)
			s.conn.wake()
		case <-mailbox.C:
			s.selectedMoved.Store(true)
			s.conn.wake()
		}
	}
}

// watchShared wakes the session when accounts that share mailboxes with the user
// change, and when anything is shared with everyone.
func (s *session) watchShared() {
	if s.srv.WatchMailboxes == nil {
		return
	}
	accounts := []mail.Mailbox{{}}
	for _, owner := range s.notify.owners() {
		accounts = append(accounts, mail.Mailbox{Account: owner})
	}
	s.watcher.shared <- s.srv.WatchMailboxes(accounts)
}

// wakeOn makes changes of the selected mailbox interrupt the waiting read, or
// stops that. Outside IDLE and NOTIFY the session looks at the watch itself, so that what
// was committed before a command is seen by it.
func (s *session) wakeOn(w Watch) { s.watcher.mailbox <- w }

func (s *session) unwatch() {
	w := s.watcher
	if w == nil {
		return
	}
	s.watcher = nil
	close(w.mailbox)
	<-w.done
	if w.account.Close != nil {
		w.account.Close()
	}
}

// recheckLater asks again soon: the store was away.
func (s *session) recheckLater() {
	time.AfterFunc(recheckPause, func() {
		s.recheck.Store(true)
		s.conn.wake()
	})
}
