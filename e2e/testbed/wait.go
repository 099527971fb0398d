package testbed

import (
	"context"
	"fmt"
	"time"
)

// Until asks again and again until ok, and gives the last reason when the
// limit is over. It is for what no signal tells: the state of another process.
func Until(ctx context.Context, limit time.Duration, ok func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", limit, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Pause lets time pass that the case itself is about: an outage's length.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
