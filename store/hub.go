package store

import (
	"sync"

	"postroom/internal/mail"
)

// Watch tells that something changed. C gets a value after a change; several
// changes before it is read give one. It is a hint: read by modseq, and expect
// to find nothing new at times.
type Watch struct {
	C <-chan struct{}

	c    chan struct{}
	hub  *hub
	keys []watchKey
}

// watchKey names what is watched: a mailbox, or with mailbox 0 the account's
// names, subscriptions, rights and credentials.
type watchKey struct {
	account mail.AccountID
	mailbox mail.MailboxID
}

// hub brings changes to watches: of this node at once, of others by NOTIFY,
// and what was lost by polling.
type hub struct {
	s    *Store
	node int64 // tells our own notifications from others'

	mu      sync.Mutex
	watches map[watchKey]*watched
	pending map[watchKey]mail.ModSeq // to be notified
	wakes   bool                     // the queue is to be notified
	kick    chan struct{}            // something is pending
	repoll  chan struct{}            // the listener was away: compare now
	queue   chan struct{}
	// accounts and mailboxes count the changes heard of.
	accounts, mailboxes uint64
}

type watched struct {
	seen mail.ModSeq // highest known modseq, or change_seq
	by   map[*Watch]struct{}
}

func newHub(s *Store) *hub {
	return &hub{s: s, node: s.ids.token,
		watches: map[watchKey]*watched{}, pending: map[watchKey]mail.ModSeq{},
		kick: make(chan struct{}, 1), repoll: make(chan struct{}, 1), queue: make(chan struct{}, 1)}
}

// Watch reports changes of one mailbox: messages, flags, expunges. Call Close
// when done.
func (s *Store) Watch(account mail.AccountID, mailbox mail.MailboxID) *Watch {
	return s.hub.watch(watchKey{account, mailbox})
}

// WatchMailboxes is Watch for several mailboxes, with ID 0 for what WatchAccount
// reports: C does not tell which of them changed.
func (s *Store) WatchMailboxes(mailboxes []mail.Mailbox) *Watch {
	keys := make([]watchKey, len(mailboxes))
	for i, m := range mailboxes {
		keys[i] = watchKey{m.Account, m.ID}
	}
	return s.hub.watch(keys...)
}

// WatchAccount reports changes of an account's change_seq: names,
// subscriptions, rights, credentials. Call Close when done.
func (s *Store) WatchAccount(account mail.AccountID) *Watch {
	return s.hub.watch(watchKey{account, 0})
}

// Heard counts the changes of accounts and of mailboxes that this node knows of.
// Who reads something, watches it then and finds the count as it was before the
// reading has missed nothing that a watch from the beginning would have told.
func (s *Store) Heard() (accounts, mailboxes uint64) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.hub.accounts, s.hub.mailboxes
}

// QueueWake gives a value, coalesced, after something became due in the queue
// by a transaction of this node or another. One reader.
func (s *Store) QueueWake() <-chan struct{} { return s.hub.queue }

// changed tells sessions and other nodes that a mailbox is at modseq. Call it
// after the commit.
func (s *Store) changed(account mail.AccountID, mailbox mail.MailboxID, modseq mail.ModSeq) {
	s.hook("change:after-commit")
	s.hub.changed(watchKey{account, mailbox}, modseq)
}

// accountChanged tells sessions and other nodes that an account's change_seq
// grew. Call it after the commit.
func (s *Store) accountChanged(account mail.AccountID) {
	s.hub.changed(watchKey{account, 0}, 0)
}

// queueWake tells the queue workers, here and on other nodes, that an entry is
// due. Call it after the commit.
func (s *Store) queueWake() {
	poke(s.hub.queue)
	s.hub.mu.Lock()
	s.hub.wakes = true
	s.hub.mu.Unlock()
	poke(s.hub.kick)
}

func (h *hub) watch(keys ...watchKey) *Watch {
	c := make(chan struct{}, 1)
	w := &Watch{C: c, c: c, hub: h, keys: keys}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range keys {
		wd := h.watches[k]
		if wd == nil {
			wd = &watched{by: map[*Watch]struct{}{}}
			h.watches[k] = wd
		}
		wd.by[w] = struct{}{}
	}
	return w
}

// Close ends the watch; C gets nothing more.
func (w *Watch) Close() {
	h := w.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range w.keys {
		wd := h.watches[k]
		if wd == nil {
			continue
		}
		delete(wd.by, w)
		if len(wd.by) == 0 {
			delete(h.watches, k)
		}
	}
}

func (h *hub) changed(k watchKey, modseq mail.ModSeq) {
	h.mu.Lock()
	h.wake(k, modseq)
	h.pending[k] = max(h.pending[k], modseq)
	h.mu.Unlock()
	poke(h.kick)
}

// wake counts a change and signals the watches of k; the caller holds mu.
func (h *hub) wake(k watchKey, modseq mail.ModSeq) {
	if k.mailbox == 0 {
		h.accounts++
	} else {
		h.mailboxes++
	}
	wd := h.watches[k]
	if wd == nil {
		return
	}
	wd.seen = max(wd.seen, modseq)
	for w := range wd.by {
		poke(w.c)
	}
}

// poke puts a value into a channel of capacity one unless one is there.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
