package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"postroom/internal/mail"
)

// backfillKills is how often the server is killed while it indexes old mail.
const backfillKills = 4

// backfill waits until the new binary, which runs, has indexed the old store's
// mail. It kills the server at even parts of the work: what was done must stay
// done. The rate is of the stretch before the first kill.
func (u *upgraded) backfill(ctx context.Context) (rate float64, err error) {
	begun, first, err := u.progress()
	if err != nil {
		return 0, err
	}
	last := first
	for kills := 0; last.Unindexed > 0; {
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return 0, err
		}
		at, p, err := u.progress()
		if err != nil {
			return 0, err
		}
		if p.Unindexed > last.Unindexed {
			return 0, fmt.Errorf("%d messages are not indexed, %d were not before", p.Unindexed, last.Unindexed)
		}
		last = p
		if kills == 0 && at.Sub(begun) > 0 {
			rate = float64(first.Unindexed-p.Unindexed) / at.Sub(begun).Seconds()
		}
		if kills < backfillKills && p.Unindexed < first.Unindexed*int64(backfillKills-kills)/(backfillKills+1) {
			kills++
			u.inst.Kill()
			if err := u.inst.Start(ctx); err != nil {
				return 0, err
			}
		}
	}
	return rate, u.same()
}

func (u *upgraded) progress() (at time.Time, p mail.SearchProgress, err error) {
	out, err := u.inst.CLI("", "search", "status", "--json")
	if err != nil {
		return at, p, err
	}
	return time.Now(), p, json.Unmarshal([]byte(out), &p)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
