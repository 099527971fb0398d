package store

import (
	"sync"

	"postroom/internal/mail"
)

// hints remember where this node last wrote the counters of mailboxes and
// accounts (their ctid). They are only hints: the row found there must have
// the right key and be current, else it is looked up by key.
type hints struct {
	mu     sync.Mutex
	states map[mailboxKey]string
	usage  map[mail.AccountID]string
}

func newHints() *hints {
	return &hints{states: map[mailboxKey]string{}, usage: map[mail.AccountID]string{}}
}

// lookup puts the known places into g and tells the accounts of which all rows
// are known.
func (h *hints) lookup(g *group) map[mail.AccountID]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[mail.AccountID]bool, len(g.usage))
	for id, a := range g.usage {
		a.place = h.usage[id]
		all[id] = a.place != ""
	}
	for k, t := range g.targets {
		t.place = h.states[k]
		if t.place == "" {
			all[k.account] = false
		}
	}
	return all
}

// keep remembers the places that a committed group wrote.
func (h *hints) keep(g *group) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.states) >= nameCacheMax {
		clear(h.states)
		clear(h.usage)
	}
	for k, t := range g.targets {
		h.states[k] = t.place
	}
	for id, a := range g.usage {
		h.usage[id] = a.place
	}
}

// forget drops a mailbox's place after another writer moved it.
func (h *hints) forget(k mailboxKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.states, k)
}

// drop forgets all of a group's places.
func (h *hints) drop(g *group) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range g.targets {
		delete(h.states, k)
	}
	for id := range g.usage {
		delete(h.usage, id)
	}
}
