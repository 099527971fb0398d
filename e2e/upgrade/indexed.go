package upgrade

import (
	"context"
	"encoding/json"
	"time"

	"postroom/e2e/testbed"
	"postroom/internal/mail"
)

// UntilIndexed waits until the search index knows all mail.
func UntilIndexed(ctx context.Context, i *testbed.Instance) error {
	for {
		out, err := i.CLI("", "search", "status", "--json")
		if err != nil {
			return err
		}
		var p mail.SearchProgress
		if err := json.Unmarshal([]byte(out), &p); err != nil || p.Unindexed == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
