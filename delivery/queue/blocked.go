package queue

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"postroom/delivery/relay"
)

// SettingBlocked names the setting that says that outbound port 25 seems to be
// blocked; its value is a Blocked. It is absent while mail goes out.
const SettingBlocked = "outbound_port_blocked"

// BlockedText is what `check`, `queue list` and the log say then.
const BlockedText = "outbound port 25 seems blocked; set a smarthost"

// Blocked tells since when connections time out, and to which destinations.
type Blocked struct {
	Since        time.Time `json:"since"`
	Destinations []string  `json:"destinations"`
}

// Of how many destinations, within what time, all connections must time out.
const (
	blockedAfter  = 3
	blockedWithin = time.Hour
)

// portWatch finds out that a provider drops connections to port 25.
type portWatch struct {
	mu      sync.Mutex
	suspect map[string]time.Time // when a destination last timed out
	since   time.Time            // zero: not blocked
	stale   bool                 // the setting may stand from an earlier process
}

// Blocked tells since when outbound port 25 seems blocked; a zero time: it is
// not.
func (w *Worker) Blocked() (since time.Time, destinations []string) {
	w.port.mu.Lock()
	defer w.port.mu.Unlock()
	if w.port.since.IsZero() {
		return time.Time{}, nil
	}
	return w.port.since, slices.Sorted(maps.Keys(w.port.suspect))
}

// connected is called when a next hop took a connection.
func (w *Worker) connected(ctx context.Context, plan relay.Plan) {
	if plan.Smarthost != nil {
		return
	}
	w.port.mu.Lock()
	was := !w.port.since.IsZero() || w.port.stale
	w.port.since, w.port.stale = time.Time{}, false
	clear(w.port.suspect)
	w.port.mu.Unlock()
	if was {
		w.keepBlocked(ctx, nil)
	}
}

// unreached is called with every destination that could not be reached.
func (w *Worker) unreached(ctx context.Context, plan relay.Plan, domain string, f *relay.Failure) {
	if plan.Smarthost != nil {
		return
	}
	if f.Connected {
		w.connected(ctx, plan)
		return
	}
	if !f.ConnectTimeout {
		return
	}
	w.port.mu.Lock()
	now := w.cfg.Now()
	w.port.suspect[domain] = now
	first := now
	for d, at := range w.port.suspect {
		if now.Sub(at) > blockedWithin {
			delete(w.port.suspect, d)
		} else {
			first = earlier(first, at)
		}
	}
	isNew := w.port.since.IsZero() && len(w.port.suspect) >= blockedAfter
	var b Blocked
	if isNew {
		w.port.since = first
		b = Blocked{first, slices.Sorted(maps.Keys(w.port.suspect))}
	}
	w.port.mu.Unlock()
	if isNew {
		w.cfg.Log.ErrorContext(ctx, BlockedText, "since", b.Since.UTC(), "destinations", b.Destinations)
		w.keepBlocked(ctx, b)
	}
}

func (w *Worker) keepBlocked(ctx context.Context, value any) {
	if err := w.cfg.Store.SetSetting(ctx, "queue", SettingBlocked, value); err != nil {
		w.cfg.Log.WarnContext(ctx, "setting not written", "name", SettingBlocked, "error", err)
	}
}
