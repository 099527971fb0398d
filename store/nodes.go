package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"postroom/internal/mail"
)

// A slot is leased for slotLease and renewed every slotRenew. A node that was
// killed leaves its slot to others when the lease is out; 1,024 slots bear a
// crash every second for that time.
const (
	slotLease = 10 * time.Minute
	slotRenew = time.Minute
)

var errSlotLost = errors.New("another node holds this slot")

func (s *Store) newIDSource(ctx context.Context) (*idSource, error) {
	g := &idSource{s: s, now: time.Now}
	g.usable = sync.NewCond(&g.mu)
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	g.token = int64(binary.BigEndian.Uint64(b[:]) >> 1)
	return g, dbError(g.acquire(ctx))
}

// acquire takes the slot that is free for longest, or a new one.
func (g *idSource) acquire(ctx context.Context) error {
	for range 20 {
		bound := g.boundFromNow()
		var slot, last int64
		err := g.s.pool.QueryRow(ctx, `WITH free AS (
				SELECT slot FROM nodes WHERE lease_until < now() ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
			), old AS (
				SELECT n.slot, n.last_millis FROM nodes n JOIN free USING (slot)
			)
			UPDATE nodes n SET token = $1, name = $2, started_at = now(), lease_until = now() + $3::interval,
				last_millis = greatest(n.last_millis, $4)
			FROM old WHERE n.slot = old.slot RETURNING n.slot, old.last_millis`,
			g.token, g.s.cfg.NodeName, slotLease, bound).Scan(&slot, &last)
		if errors.Is(err, pgx.ErrNoRows) {
			err = g.s.pool.QueryRow(ctx, `INSERT INTO nodes (slot, token, name, lease_until, last_millis)
				SELECT slot, $1, $2, now() + $3::interval, $4 FROM generate_series(0, $5::int) AS slot
				WHERE slot NOT IN (SELECT slot FROM nodes) ORDER BY slot LIMIT 1
				ON CONFLICT DO NOTHING RETURNING slot, 0`,
				g.token, g.s.cfg.NodeName, slotLease, bound, maxSlot).Scan(&slot, &last)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			continue // another node was quicker
		}
		if err != nil {
			return err
		}
		g.mu.Lock()
		g.slot = slot
		// The clock never runs back within a slot, whoever held it before.
		g.millis, g.count = max(g.millis, last)+1, 0
		g.bound = max(bound, g.millis)
		g.mu.Unlock()
		g.usable.Broadcast()
		return nil
	}
	return mail.Errorf(mail.CodeUnavailable, "no node slot is free")
}

func (g *idSource) boundFromNow() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	// A little less than the lease, so that this node stops before another
	// may begin.
	return max(g.now().UnixMilli()-idEpoch, g.millis) + (slotLease - slotRenew/2).Milliseconds()
}

// renew extends the lease; errSlotLost when it ran out and someone took it.
func (g *idSource) renew(ctx context.Context) error {
	bound := g.boundFromNow()
	g.mu.Lock()
	slot := g.slot
	g.mu.Unlock()
	tag, err := g.s.pool.Exec(ctx, `UPDATE nodes SET lease_until = now() + $3::interval, last_millis = greatest(last_millis, $4)
		WHERE slot = $1 AND token = $2`, slot, g.token, slotLease, bound)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return errSlotLost
	}
	g.mu.Lock()
	g.bound = bound
	g.mu.Unlock()
	g.usable.Broadcast()
	return nil
}

func (g *idSource) renewLoop(ctx context.Context) {
	wait := slotRenew
	for {
		select {
		case <-ctx.Done():
			g.mu.Lock()
			g.closed = true
			g.mu.Unlock()
			g.usable.Broadcast()
			return
		case <-time.After(wait):
		}
		wait = slotRenew
		err := g.renew(ctx)
		if errors.Is(err, errSlotLost) {
			err = g.acquire(ctx)
		}
		if err != nil && ctx.Err() == nil {
			g.s.log.Warn("node slot not renewed", "error", err)
			wait = time.Second
		}
	}
}

// release gives the slot back with the exact time of its last id.
func (g *idSource) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	g.mu.Lock()
	slot, millis := g.slot, g.millis
	g.bound = -1
	g.mu.Unlock()
	_, err := g.s.pool.Exec(ctx, `UPDATE nodes SET lease_until = now(), last_millis = $3
		WHERE slot = $1 AND token = $2`, slot, g.token, millis)
	if err != nil {
		g.s.log.Warn("node slot not released", "error", err)
	}
}
