package tlsconf

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"sync"
	"time"

	"postroom/internal/mail"
	"postroom/internal/secret"
)

const (
	ticketTable = "ticket_keys"
	day         = 24 * time.Hour
	// ticketDays is how long a ticket is taken: the day it was made and the two
	// after it.
	ticketDays = 3
	// ticketRefresh is how often the store is asked. The key of the next day is
	// there long before it is used.
	ticketRefresh = time.Hour
)

// TicketStore keeps the ticket keys of all nodes.
type TicketStore interface {
	TicketKeys(ctx context.Context, from time.Time) ([]mail.TicketKey, error)
	AddTicketKeys(ctx context.Context, keys []mail.TicketKey, fingerprint []byte, before time.Time) error
}

// TicketConfig says where ticket keys are kept and what they are sealed with.
// All but Now are needed.
type TicketConfig struct {
	Store TicketStore
	Key   func(ctx context.Context) (*secret.Key, error) // seals now
	Open  func(table, row string, sealed []byte) ([]byte, error)
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger
}

// Tickets are the keys of TLS session tickets, shared by all nodes, so that a
// client resumes its session with whichever it meets. Each day has a random key
// of its own, which is deleted after ticketDays: unlike keys derived from the
// master key, they cannot be had later to open what was recorded before.
type Tickets struct {
	cfg TicketConfig

	mu     sync.Mutex
	keys   map[time.Time][]byte   // by day
	sealer map[string]*tls.Config // by purpose
	setOn  time.Time              // day for which sealer have their keys
}

// NewTickets makes Tickets without keys: until Refresh, each process has its
// own.
func NewTickets(c TicketConfig) *Tickets {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Tickets{cfg: c, keys: map[time.Time][]byte{}, sealer: map[string]*tls.Config{}}
}

// Run keeps the keys fresh until ctx ends. While the store is away, those that
// are there go on.
func (t *Tickets) Run(ctx context.Context) {
	for {
		timer := time.NewTimer(ticketRefresh)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := t.Refresh(ctx); err != nil && ctx.Err() == nil {
			t.cfg.Log.Warn("TLS ticket keys not read again", "error", err)
		}
	}
}

// Refresh reads the keys of the days that count, after making those of today
// and tomorrow if nobody has yet.
func (t *Tickets) Refresh(ctx context.Context) error {
	today := t.cfg.Now().UTC().Truncate(day)
	from := today.Add(-(ticketDays - 1) * day)
	kept, err := t.read(ctx, from)
	if err != nil {
		return err
	}
	if kept[today] == nil || kept[today.Add(day)] == nil {
		if err := t.add(ctx, from, today, today.Add(day)); err != nil {
			return err
		}
		if kept, err = t.read(ctx, from); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys, t.setOn = kept, time.Time{}
	return nil
}

func (t *Tickets) read(ctx context.Context, from time.Time) (map[time.Time][]byte, error) {
	list, err := t.cfg.Store.TicketKeys(ctx, from)
	if err != nil {
		return nil, err
	}
	out := map[time.Time][]byte{}
	for _, k := range list {
		if out[k.Day.UTC()], err = t.cfg.Open(ticketTable, k.SecretRow(), k.Sealed); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *Tickets) add(ctx context.Context, before time.Time, days ...time.Time) error {
	key, err := t.cfg.Key(ctx)
	if err != nil {
		return err
	}
	var made []mail.TicketKey
	for _, d := range days {
		plain := make([]byte, 32)
		_, _ = rand.Read(plain)
		k := mail.TicketKey{Day: d}
		k.Sealed = key.Seal(ticketTable, k.SecretRow(), plain)
		made = append(made, k)
	}
	return t.cfg.Store.AddTicketKeys(ctx, made, key.Fingerprint(), before)
}

// share makes c seal and open its tickets with the keys of all nodes. Tickets
// of one purpose are worthless for another: what a session says about a client
// certificate holds where the same authorities are asked for.
func (t *Tickets) share(c *tls.Config, purpose string) {
	c.WrapSession = func(cs tls.ConnectionState, ss *tls.SessionState) ([]byte, error) {
		return t.sealerOf(purpose).EncryptTicket(cs, ss)
	}
	c.UnwrapSession = func(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
		return t.sealerOf(purpose).DecryptTicket(ticket, cs)
	}
}

// sealerOf gives a configuration that is only used for its ticket keys. Without
// any it makes its own, as crypto/tls does by itself.
func (t *Tickets) sealerOf(purpose string) *tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	if today := t.cfg.Now().UTC().Truncate(day); !t.setOn.Equal(today) {
		t.setOn = today
		for p, c := range t.sealer {
			t.setKeys(c, p)
		}
	}
	c := t.sealer[purpose]
	if c == nil {
		c = &tls.Config{}
		t.setKeys(c, purpose)
		t.sealer[purpose] = c
	}
	return c
}

// setKeys gives c the key of today to seal with, and opens with those before
// it, and with tomorrow's: another node's clock may be ahead.
func (t *Tickets) setKeys(c *tls.Config, purpose string) {
	var keys [][32]byte
	for _, d := range []int{0, -1, -2, 1} {
		plain := t.keys[t.setOn.Add(time.Duration(d)*day)]
		if plain == nil {
			continue
		}
		key, err := hkdf.Key(sha256.New, plain, nil, "postroom tls tickets 1 "+purpose, 32)
		if err == nil { // the length is one that HKDF has
			keys = append(keys, [32]byte(key))
		}
	}
	if len(keys) > 0 {
		c.SetSessionTicketKeys(keys)
	}
}
