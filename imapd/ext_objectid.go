package imapd

import (
	"context"
	"strconv"
	"strings"

	"postroom/internal/mail"
)

// objectID gives an identifier as
//
//	objectid = 1*255(ALPHA / DIGIT / "_" / "-")   ; RFC 8474 §7
//
// The letter before keeps ids of different kinds apart, and from being taken
// for numbers (§8.1).
func objectID(kind string, id uint64) string { return kind + strconv.FormatUint(id, 36) }

func emailID(id mail.MessageID) string { return objectID("M", uint64(id)) }
func threadID(id mail.ThreadID) string { return objectID("T", uint64(id)) }

// mailboxID has the UIDVALIDITY in it: with another, the mailbox is another
// (RFC 8474 §4).
func mailboxID(b mail.Mailbox) string {
	return objectID("F", uint64(b.ID)) + objectID("-", uint64(b.UIDValidity))
}

// mailboxIDCode is the response code of CREATE and SELECT (RFC 8474 §4.1, §4.2).
func mailboxIDCode(b mail.Mailbox) string { return "MAILBOXID (" + mailboxID(b) + ")" }

// statusTexts are the STATUS items whose value is no number.
var statusTexts = map[string]func(mail.Mailbox) string{
	"MAILBOXID": func(b mail.Mailbox) string { return "(" + mailboxID(b) + ")" }, // RFC 8474 §4.3
}

// COPY and MOVE share the message and with it both ids (RFC 8474 §5).
var (
	itemEmailID = fetchItem{name: "EMAILID", row: true, write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("EMAILID (", emailID(m.row.MessageID), ")")
		return nil
	}}
	itemThreadID = fetchItem{name: "THREADID", row: true, cols: mail.ColThread, write: func(_ context.Context, m *fetched) error {
		m.s.enc.Raw("THREADID (", threadID(m.row.ThreadID), ")")
		return nil
	}}
)

// objectIDKey parses SP objectid and compares, case and all.
func objectIDKey(cols mail.Columns, of func(*mail.MessageRow) string) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		wanted := p.d.Atom()
		if len(wanted) > 255 || strings.Trim(wanted, objectIDChars) != "" {
			p.d.Fail("expected an object id")
		}
		return onRow(costRow, cols, func(_ context.Context, c *candidate) (bool, error) { return of(c.row) == wanted, nil })
	}
}

const objectIDChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
