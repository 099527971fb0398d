package delivery

import (
	"context"
	"sync"
	"time"

	"postroom/internal/lru"
	"postroom/internal/mail"
)

// meter counts what peers do, by the minute in this process and by the hour of
// the clock in all: every flush adds what is new here to the store and learns
// the sums. Between two flushes the processes do not see each other.
type meter struct {
	mu       sync.Mutex
	hour     time.Time
	subjects *lru.Map[string, *counted]
	fresh    map[string]*counted // what the store does not have
}

type counted struct {
	minute   time.Time
	inMinute mail.PeerCount
	all      mail.PeerCount // of the hour, by the last flush
	fresh    mail.PeerCount // since then
}

const (
	metered = 50_000 // subjects kept
	unsent  = 20_000 // of them with counts that wait
	perSend = 5000   // in one statement
)

// turn begins a new hour.
func (m *meter) turn(now time.Time) {
	if hour := now.UTC().Truncate(time.Hour); !hour.Equal(m.hour) {
		m.hour, m.subjects, m.fresh = hour, lru.New[string, *counted](metered), map[string]*counted{}
	}
}

func plusCount(a, b mail.PeerCount) mail.PeerCount {
	a.Messages, a.Recipients, a.Refused = a.Messages+b.Messages, a.Recipients+b.Recipients, a.Refused+b.Refused
	return a
}

// add counts c for every subject.
func (m *meter) add(now time.Time, c mail.PeerCount, subjects ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(now)
	for _, s := range subjects {
		x, ok := m.subjects.Get(s)
		if !ok {
			x = &counted{}
			m.subjects.Put(s, x)
		}
		if minute := now.Truncate(time.Minute); !minute.Equal(x.minute) {
			x.minute, x.inMinute = minute, mail.PeerCount{}
		}
		x.inMinute, x.fresh = plusCount(x.inMinute, c), plusCount(x.fresh, c)
		if len(m.fresh) < unsent {
			m.fresh[s] = x
		}
	}
}

// read gives what a subject did within this minute and this hour.
func (m *meter) read(now time.Time, subject string) (minute, hour mail.PeerCount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(now)
	x, ok := m.subjects.Get(subject)
	if !ok {
		return minute, hour
	}
	if now.Truncate(time.Minute).Equal(x.minute) {
		minute = x.inMinute
	}
	return minute, plusCount(x.all, x.fresh)
}

func (m *meter) refusedBy(subject string, now time.Time) int {
	_, hour := m.read(now, subject)
	return hour.Refused
}

// flush adds to the store what is new; after an error it is still new.
func (m *meter) flush(ctx context.Context, store ReceivingStore) error {
	for {
		hour, sent := m.unsent()
		if len(sent) == 0 {
			return nil
		}
		sums, err := store.CountPeers(ctx, hour, sent)
		m.settle(hour, sent, sums, err)
		if err != nil || len(sent) < perSend {
			return err
		}
	}
}

// unsent takes what is new; until settle it counts as of the hour.
func (m *meter) unsent() (time.Time, []mail.PeerCount) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []mail.PeerCount
	for s, x := range m.fresh {
		if len(out) == perSend {
			break
		}
		c := x.fresh
		c.Subject = s
		out = append(out, c)
		x.all, x.fresh = plusCount(x.all, c), mail.PeerCount{}
		delete(m.fresh, s)
	}
	return m.hour, out
}

func (m *meter) settle(hour time.Time, sent, sums []mail.PeerCount, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !hour.Equal(m.hour) {
		return
	}
	for _, c := range sums {
		if x, ok := m.subjects.Get(c.Subject); ok {
			x.all = c
		}
	}
	if err == nil {
		return
	}
	for _, c := range sent {
		if x, ok := m.subjects.Get(c.Subject); ok {
			x.all.Messages, x.all.Recipients, x.all.Refused = x.all.Messages-c.Messages, x.all.Recipients-c.Recipients, x.all.Refused-c.Refused
			x.fresh = plusCount(x.fresh, c)
			m.fresh[c.Subject] = x
		}
	}
}
