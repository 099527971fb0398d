package imapd

import (
	"context"
	"time"
)

// itemSaveDate is when the message came into this mailbox (RFC 8514 §4.2); the
// store keeps it for every mailbox, so it is never NIL.
var itemSaveDate = fetchItem{name: "SAVEDATE", row: true, write: func(_ context.Context, m *fetched) error {
	m.s.enc.Raw("SAVEDATE ").DateTime(m.row.Saved.UTC())
	return nil
}}

// saved compares the save date by its day, which is that of FETCH SAVEDATE.
func saved(cmp func(day, t time.Time) bool) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		t := p.d.Date()
		return onRow(costRow, 0, func(_ context.Context, c *candidate) (bool, error) {
			return cmp(dayOf(c.row.Saved.UTC()), t), nil
		})
	}
}
