package store

import (
	"fmt"
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
	{mail.ColOctets, ", z.data"},
	{mail.ColUnlisted, unlisted("blob_id") + unlisted("prefix") + unlisted("header_size")},
}

// unlisted is a column that is wanted only where the fields beside the message
// do not say it.
func unlisted(column string) string { return ", CASE WHEN g.fields = '' THEN g." + column + " END" }

// smallMessage is up to how many octets a message's blob is read with its row.
const smallMessage = 64 << 10

// fetchSQL are the statements for a set of columns.
type fetchSQL struct {
	list          string // by list of ranges $3 to $4
	span          string // by one range $3 to $4, at most $5 rows
	base          string // span without columns of messages, for those that follow
	byRange, byID string // see fetch_dense.go
}

var fetchQueries sync.Map // mail.Columns -> *fetchSQL

func fetchQuery(cols mail.Columns) *fetchSQL {
	if q, ok := fetchQueries.Load(cols); ok {
		return q.(*fetchSQL)
	}
	const one, all = " ORDER BY m.uid LIMIT $5", " ORDER BY 1 LIMIT $5"
	columns := columnsOf(cols)
	q := &fetchSQL{
		list: fetchUnion(cols, listed, "", " ORDER BY 1"), span: fetchUnion(cols, spanned, one, all),
		base: fetchUnion(0, spanned, one, all), byRange: byRange(columns), byID: byID(columns),
	}
	fetchQueries.Store(cols, q)
	return q
}

// columnsOf lists the columns of messages g, and of octets z.
func columnsOf(cols mail.Columns) (list string) {
	for _, g := range columnGroups {
		if cols&g.bit != 0 {
			list += g.list
		}
	}
	return list
}

// Where the rows come from; see pinned.go for the OFFSET 0.
const (
	listed = `unnest($3::bigint[], $4::bigint[]) AS r(lo, hi) CROSS JOIN LATERAL (SELECT * FROM %s x
		WHERE x.account_id = $1 AND x.mailbox_id = $2 AND x.uid BETWEEN r.lo AND r.hi OFFSET 0) m`
	spanned = `(SELECT * FROM %s x
		WHERE x.account_id = $1 AND x.mailbox_id = $2 AND x.uid BETWEEN $3 AND $4 ORDER BY x.uid LIMIT $5) m`
	withMessage = ` CROSS JOIN LATERAL (SELECT * FROM messages y WHERE y.account_id = $1 AND y.id = m.message_id OFFSET 0) g`
)

// withOctets reads the first chunk of small messages, which is all of them.
var withOctets = fmt.Sprintf(` LEFT JOIN LATERAL (SELECT data FROM blobs c
		WHERE c.blob_id = g.blob_id AND c.chunk = 0 AND m.size <= %d OFFSET 0) z ON true`, smallMessage)

// fetchUnion reads mailbox_messages and, when asked, expunged too.
func fetchUnion(cols mail.Columns, from, order, outer string) string {
	live := fetchSelect(cols, fmt.Sprintf(from, "mailbox_messages"), "false") + order
	if cols&mail.WithExpunged == 0 {
		if order == "" {
			return live + outer
		}
		return live
	}
	return "(" + live + ") UNION ALL (" + fetchSelect(cols, fmt.Sprintf(from, "expunged"), "true") + order + ")" + outer
}

func fetchSelect(cols mail.Columns, from, expunged string) string {
	columns, joined := columnsOf(cols), ""
	if columns != "" {
		joined = withMessage
	}
	if cols&mail.ColOctets != 0 {
		joined += withOctets
	}
	return "SELECT m.uid, m.modseq, m.flags, m.keywords, m.message_id, m.size, m.received_at, m.saved_at, " + expunged + columns +
		" FROM " + from + joined
}
