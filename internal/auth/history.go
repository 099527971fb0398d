package auth

import (
	"hash/maphash"
	"time"

	"postroom/internal/lru"
	"postroom/internal/mail"
)

const (
	// maxClient bounds what a client may say it is, in octets.
	maxClient = 100
	// maxRows bounds the rows that one account can make in a day by its
	// log-ins, and strangers by theirs: what comes after is one row of
	// mail.AnyNetwork.
	maxRows = 100
)

// history gathers log-ins into rows.
type history struct {
	rows map[row]*mail.Login
	seed maphash.Seed
	seen *lru.Map[uint64, bool] // rows of the day
	made *lru.Map[maker, int]   // how many
}

// row is what makes log-ins alike.
type row struct {
	account    mail.AccountID
	address    mail.Address
	credential mail.CredentialID
	network    string
	protocol   string
	mechanism  string
	client     string
	reason     string
}

// maker is whose rows are counted together.
type maker struct {
	account mail.AccountID
	address mail.Address
	day     int64
}

func newHistory() history {
	return history{rows: map[row]*mail.Login{}, seed: maphash.MakeSeed(),
		seen: lru.New[uint64, bool](1 << 16), made: lru.New[maker, int](1 << 13)}
}

// Note adds a log-in, or with a Reason a failed one, to the history, soon. Peer,
// Protocol and Mechanism are needed, and Account or Address.
func (a *Authenticator) Note(l mail.Login) {
	if a.book == nil || l.Account == 0 && l.Address == (mail.Address{}) {
		return
	}
	l.Peer, l.Network, l.Count = l.Peer.Unmap().WithZone(""), Network(l.Peer), 1
	l.Client = l.Client[:min(len(l.Client), maxClient)]
	if l.Account != 0 {
		l.Address = mail.Address{}
	}
	a.book.mu.Lock()
	defer a.book.mu.Unlock()
	a.book.history.add(l, a.now())
	a.book.some()
}

func (h *history) add(l mail.Login, now time.Time) {
	if h.tooMany(keyOf(l), now) {
		l.Network, l.Client = mail.AnyNetwork, ""
	}
	k := keyOf(l)
	have := h.rows[k]
	switch {
	case have != nil:
		have.Count++
		have.Peer, have.TLS = l.Peer, l.TLS
	case len(h.rows) < maxUnsaved:
		h.rows[k] = &l
	}
}

func keyOf(l mail.Login) row {
	return row{l.Account, l.Address, l.Credential, l.Network.String(), l.Protocol, l.Mechanism, l.Client, l.Reason}
}

// tooMany counts the rows that differ.
func (h *history) tooMany(k row, now time.Time) bool {
	m := maker{k.account, k.address, now.Unix() / 86400}
	id := maphash.Comparable(h.seed, struct {
		row
		maker
	}{k, m})
	if old, _ := h.seen.Get(id); old {
		return false
	}
	n, _ := h.made.Get(m)
	if n >= maxRows {
		return true
	}
	h.made.Put(m, n+1)
	h.seen.Put(id, true)
	return false
}

func (h *history) take() []mail.Login {
	var all []mail.Login
	for _, l := range h.rows {
		all = append(all, *l)
	}
	clear(h.rows)
	return all
}
