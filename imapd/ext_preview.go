package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// itemPreview is the text kept with the message when it came: it is as quick
// as any other item, so LAZY changes nothing and nothing is ever NIL (RFC 8970
// §3.2, §4.1). An empty string says that there is nothing to show.
var itemPreview = fetchItem{name: "PREVIEW", row: true, cols: mail.ColPreview, write: func(_ context.Context, m *fetched) error {
	m.s.enc.Raw("PREVIEW ").String(m.row.Preview)
	return nil
}}

// parsePreview parses what follows the name:
//
//	fetch-att   =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]   ; RFC 8970 §6
//	preview-mod =  "LAZY"
//
// Another word in the parentheses is a modifier of FETCH itself.
func parsePreview(d *wire.Decoder) fetchItem {
	if d.TryWord(" (LAZY") {
		for d.TryWord(" LAZY") {
		}
		d.Expect(')')
	}
	return itemPreview
}
