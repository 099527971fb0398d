package store

import (
	"sync"

	"postroom/internal/mail"
)

// columnGroups are the columns of messages that each bit asks for, in the
// order in which fetch.row reads them.
var columnGroups = []struct {
	bit  mail.Columns
	list string
}{
	{mail.ColBlob, ", g.blob_id, g.prefix, g.header_size"},
	{mail.ColFields, ", g.fields"},
	{mail.ColEnvelope, ", g.envelope"},
	{mail.ColBodyStructure, ", g.bodystructure"},
	{mail.ColParts, ", g.parts"},
	{mail.ColPreview, ", g.preview"},
	{mail.ColThread, ", g.thread_id, g.message_id, g.sent_at"},
}

var fetchQueries sync.Map // mail.Columns -> [2]string

// fetchQuery gives the statements for a set of columns: by list of UIDs ($3),
// and by span $3 to $4 of at most $5 rows.
func fetchQuery(cols mail.Columns) [2]string {
	if q, ok := fetchQueries.Load(cols); ok {
		return q.([2]string)
	}
	q := [2]string{
		fetchUnion(cols, "m.uid = ANY ($3::bigint[])", " ORDER BY m.uid", " ORDER BY uid"),
		fetchUnion(cols, "m.uid BETWEEN $3 AND $4", " ORDER BY m.uid LIMIT $5", " ORDER BY uid LIMIT $5"),
	}
	fetchQueries.Store(cols, q)
	return q
}

// fetchUnion reads mailbox_messages and, when asked, expunged too.
func fetchUnion(cols mail.Columns, where, order, outer string) string {
	live := fetchSelect(cols, "mailbox_messages", "false", where) + order
	if cols&mail.WithExpunged == 0 {
		return live
	}
	return "(" + live + ") UNION ALL (" + fetchSelect(cols, "expunged", "true", where) + order + ")" + outer
}

func fetchSelect(cols mail.Columns, table, expunged, where string) string {
	q := "SELECT m.uid, m.modseq, m.flags, m.keywords, m.message_id, m.size, m.received_at, m.saved_at, " + expunged
	var joined string
	for _, g := range columnGroups {
		if cols&g.bit != 0 {
			q += g.list
			joined = " JOIN messages g ON g.account_id = $1 AND g.id = m.message_id"
		}
	}
	return q + " FROM " + table + " m" + joined + " WHERE m.account_id = $1 AND m.mailbox_id = $2 AND " + where
}
