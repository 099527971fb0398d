package imapd

import (
	"context"
	"time"
)

// within parses
//
//	search-key =/ ("OLDER" / "YOUNGER") SP nz-number   ; RFC 5032 §3
//
// The internal date is compared, to the second, with the time that many
// seconds ago (§2).
func within(cmp func(t, target time.Time) bool) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		ago := time.Duration(p.d.NZNumber()) * time.Second
		now := p.s.srv.Now
		return onRow(costRow, 0, func(_ context.Context, c *candidate) (bool, error) {
			target := now().Add(-ago).Truncate(time.Second)
			return cmp(c.row.Received.Truncate(time.Second), target), nil
		})
	}
}
