package imapd

import (
	"context"
	netmail "net/mail"
	"strings"
	"time"

	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/searchtext"
)

// sentColumns is what sentDay reads.
const sentColumns = mail.ColFields | mail.ColThread

// sentDay gives the day of the Date field in the sender's own zone.
func (c *candidate) sentDay(ctx context.Context) (time.Time, bool, error) {
	if c.row.SentAt.IsZero() {
		return time.Time{}, false, nil
	}
	for f := range message.Fields(c.row.Fields) {
		if equalFold(string(f.Name), "Date") {
			if t, err := netmail.ParseDate(strings.TrimSpace(string(f.Value))); err == nil {
				return dayOf(t), true, nil
			}
		}
	}
	return dayOf(c.row.SentAt), true, nil
}

// wanted gives a search string in UTF-8. An unknown charset fails the command
// when it runs, with NO.
func (p *searchParser) wanted() string {
	raw := p.d.AString()
	if p.args.charset != "" && message.KnownCharset(p.args.charset) {
		text, ok := message.FromCharset([]byte(raw), p.args.charset)
		if !ok {
			p.d.Fail("search string is not in its charset")
		}
		raw = text
	}
	return raw
}

// headerKey is FROM, TO, CC, BCC, SUBJECT and HEADER: the decoded text of any
// field of that name contains the string; an empty string asks whether there
// is such a field (RFC 9051 §6.4.4).
func headerKey(name string) func(*searchParser) criterion {
	return func(p *searchParser) criterion {
		p.d.SP()
		cost, cols := costOctets, mail.ColBlob|mail.ColOctets
		if message.IsListed(name) {
			cost, cols = costFields, mail.ColFields|mail.ColUnlisted
		}
		return p.texts(func(m *searchtext.Matcher) criterion {
			return p.hinted(onRow(cost, cols, func(ctx context.Context, c *candidate) (bool, error) { return c.fieldHas(ctx, name, m) }), m.FieldGrams(name))
		})
	}
}

func (c *candidate) fieldHas(ctx context.Context, name string, m *searchtext.Matcher) (bool, error) {
	lines := c.row.Fields
	if len(lines) == 0 || !message.IsListed(name) {
		header, err := c.body.fullHeader(ctx)
		if err != nil {
			return false, err
		}
		lines = header
	}
	for f := range message.Fields(lines) {
		if equalFold(string(f.Name), name) && m.Field(f.Value) {
			return true, nil
		}
	}
	return false, nil
}

// text is BODY and, with the headers of message and parts too, TEXT: decoded
// text of any text part contains the string. Octets are streamed; nothing but a window is held.
func (p *searchParser) text(header bool) criterion {
	p.d.SP()
	cols := mail.ColBlob | mail.ColOctets | mail.ColParts
	return p.texts(func(m *searchtext.Matcher) criterion {
		return p.hinted(onRow(costOctets, cols, func(ctx context.Context, c *candidate) (bool, error) { return c.textHas(ctx, m, header) }), m.Grams())
	})
}

func (c *candidate) textHas(ctx context.Context, m *searchtext.Matcher, header bool) (bool, error) {
	root, err := c.body.tree()
	if err != nil {
		return false, err
	}
	if header {
		return m.Text(ctx, c.body, root)
	}
	return m.Body(ctx, c.body, root)
}
