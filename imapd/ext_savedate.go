package imapd

import "context"

// itemSaveDate is when the message came into this mailbox (RFC 8514 §4.2); the
// store keeps it for every mailbox, so it is never NIL.
var itemSaveDate = fetchItem{name: "SAVEDATE", row: true, write: func(_ context.Context, m *fetched) error {
	m.s.enc.Raw("SAVEDATE ").DateTime(m.row.Saved.UTC())
	return nil
}}
