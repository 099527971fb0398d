package imapd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"postroom/imapd/wire"
	"postroom/internal/casemap"
	"postroom/internal/mail"
	"postroom/internal/message"
)

// sortKey is a row of the table of sort keys: what it needs of a message, and
// how it writes it down so that octets compare as the values do.
type sortKey struct {
	cols   mail.Columns
	append func(dst []byte, r *mail.MessageRow) []byte
	// relevancy: append depends on the search program.
	relevancy bool
}

// sortKeys is that table (RFC 5256 §BASE.6.4.SORT and extensions).
var sortKeys = map[string]sortKey{
	"ARRIVAL": {append: func(dst []byte, r *mail.MessageRow) []byte { return appendSortTime(dst, r.Received) }},
	"CC":      sortMailbox(message.EnvelopeCc),
	"DATE": {cols: mail.ColThread, append: func(dst []byte, r *mail.MessageRow) []byte {
		return appendSortTime(dst, sentDate(r))
	}},
	"FROM": sortMailbox(message.EnvelopeFrom),
	"SIZE": {append: func(dst []byte, r *mail.MessageRow) []byte { return appendSortNumber(dst, r.Size) }},
	"SUBJECT": {cols: mail.ColEnvelope, append: func(dst []byte, r *mail.MessageRow) []byte {
		base, _ := baseSubject(r)
		return appendSortText(dst, base)
	}},
	"TO":          sortMailbox(message.EnvelopeTo),
	"DISPLAYFROM": sortDisplay(message.EnvelopeFrom),
	"DISPLAYTO":   sortDisplay(message.EnvelopeTo),
	"RELEVANCY":   {cols: mail.ColEnvelope, relevancy: true},
}

// sortCriterion is one criterion of a SORT.
type sortCriterion struct {
	sortKey
	reverse bool
}

// maxSortCriteria bounds the criteria of one SORT; there are ten to name.
const maxSortCriteria = 32

// parseSortCriteria parses
//
//	sort-criteria  = "(" sort-criterion *(SP sort-criterion) ")"
//	sort-criterion = ["REVERSE" SP] sort-key   ; RFC 5256 §5
func parseSortCriteria(d *wire.Decoder) (list []sortCriterion) {
	d.Expect('(')
	for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
		var c sortCriterion
		word := d.Word()
		if word == "REVERSE" {
			d.SP()
			c.reverse, word = true, d.Word()
		}
		var ok bool
		if c.sortKey, ok = sortKeys[word]; !ok {
			d.Fail("unknown sort key")
		}
		if list = append(list, c); len(list) > maxSortCriteria {
			d.Fail("too many sort keys")
		}
	}
	d.Expect(')')
	return list
}

// appendTo writes a message's value; REVERSE turns its order about.
func (c *sortCriterion) appendTo(dst []byte, r *mail.MessageRow) []byte {
	n := len(dst)
	dst = c.append(dst, r)
	if c.reverse {
		for i := n; i < len(dst); i++ {
			dst[i] = ^dst[i]
		}
	}
	return dst
}

// sentDate is the Date field in UTC, or the internal date when that can't be
// read (RFC 5256 §2.2).
func sentDate(r *mail.MessageRow) time.Time {
	if r.SentAt.IsZero() {
		return r.Received
	}
	return r.SentAt
}

// baseSubject gives the base subject of a row with its envelope.
func baseSubject(r *mail.MessageRow) (base string, reply bool) {
	return message.BaseSubject(message.DecodeText(string(message.EnvelopeText(r.Envelope, message.EnvelopeSubject))))
}

// sortMailbox is FROM, TO and CC: the addr-mailbox of the first address.
func sortMailbox(f message.EnvelopeField) sortKey {
	return sortKey{cols: mail.ColEnvelope, append: func(dst []byte, r *mail.MessageRow) []byte {
		a, _ := message.EnvelopeFirst(r.Envelope, f)
		return appendSortText(dst, message.DecodeText(string(a.Mailbox)))
	}}
}

// sortDisplay is DISPLAYFROM and DISPLAYTO: what a client shows of the first
// address (RFC 5957 §3).
func sortDisplay(f message.EnvelopeField) sortKey {
	return sortKey{cols: mail.ColEnvelope, append: func(dst []byte, r *mail.MessageRow) []byte {
		a, _ := message.EnvelopeFirst(r.Envelope, f)
		shown := message.DecodeText(string(a.Name))
		if shown == "" {
			shown = string(a.Mailbox)
			if a.Mailbox != nil && a.Host != nil {
				shown += "@" + string(a.Host)
			}
		}
		return appendSortText(dst, shown)
	}}
}

func appendSortTime(dst []byte, t time.Time) []byte { return appendSortNumber(dst, t.UnixMicro()) }

func appendSortNumber(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63)
}

// maxSortText bounds what is kept of a text to order it by, in folded octets.
//
// Deviation: longer texts that agree that far are in no particular order;
// which of them are the same is still known.
const maxSortText = 512

// appendSortText writes a text in the form that the collation i;unicode-casemap
// compares (RFC 5255 §4.2), ended so that no text runs into what follows.
func appendSortText(dst []byte, s string) []byte {
	n := len(dst)
	dst = casemap.Append(dst, []byte(s))
	if len(dst)-n > maxSortText {
		sum := sha256.Sum256(dst[n:])
		dst = append(dst[:n+maxSortText], sum[:]...)
	}
	if bytes.IndexByte(dst[n:], 0) >= 0 {
		dst = append(dst[:n], bytes.ReplaceAll(dst[n:], []byte{0}, []byte{0, 0xff})...)
	}
	return append(dst, 0, 0)
}
