package imapd

import (
	"context"
	"fmt"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
	"postroom/internal/spool"
)

// Bounds of one CATENATE: its parts, and the octets of a URL.
const (
	maxCatParts = 1000
	maxURL      = 4 << 10
)

// catenation is a message being put together of literals and of parts of
// stored messages; all goes through the spool, nothing is held whole.
type catenation struct {
	s       *session
	d       *wire.Decoder
	w       *spool.Writer
	account mail.AccountID // that gets it
	size    int64
	old     Replaced // goes when it comes
}

// catenate parses, behind the word, and runs
//
//	append-data  =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"     ; RFC 4469 §5
//	cat-part     = "TEXT" SP literal / "URL" SP astring
//	cat-part     =/ "UTF8" SP "(" literal8 ")"                        ; RFC 6855 §4
func (s *session) catenate(ctx context.Context, d *wire.Decoder, account mail.AccountID, old Replaced) (*spool.Message, error) {
	c := &catenation{s: s, d: d, w: s.srv.Spool.Begin(nil, s.srv.MaxMessageSize), account: account, old: old}
	if err := c.parts(ctx); err != nil {
		c.w.Discard()
		return nil, err
	}
	return c.w.Finish()
}

func (c *catenation) parts(ctx context.Context) error {
	c.d.SP()
	c.d.Expect('(')
	for n := 0; n == 0 || c.d.Try(' '); n++ {
		if err := c.part(ctx, n); err != nil {
			return err
		}
	}
	c.d.Expect(')')
	if c.d.Err() == nil && c.size == 0 {
		return errEmptyMessage
	}
	return c.d.Err()
}

func (c *catenation) part(ctx context.Context, n int) error {
	if n >= maxCatParts {
		return no("LIMIT", "too many parts in one CATENATE")
	}
	switch {
	case c.d.TryWord("URL"):
		return c.url(ctx)
	case c.d.TryWord("TEXT"):
		c.d.SP()
		return c.literal(ctx, false)
	case c.d.TryWord("UTF8"):
		return c.literal(ctx, true)
	}
	c.d.Fail("expected TEXT or URL")
	return c.d.Err()
}

// grow refuses what makes the message too large, before any of it is read.
func (c *catenation) grow(ctx context.Context, n int64) error {
	if c.size += n; c.size == 0 {
		return nil
	}
	return c.s.checkSize(ctx, c.account, c.size, c.old)
}

func (c *catenation) literal(ctx context.Context, utf8 bool) error {
	lit, err := c.s.dataLiteral(c.d, utf8)
	if err != nil {
		return err
	}
	if lit.Binary && !utf8 {
		return bad("TEXT takes a literal")
	}
	if err := c.grow(ctx, lit.Size); err != nil {
		return err
	}
	if err := c.s.readLiteral(c.w, lit); err != nil {
		return err
	}
	return endLiteral(c.d, utf8)
}

// url copies what FETCH BODY.PEEK would give (RFC 4469 §3).
func (c *catenation) url(ctx context.Context) error {
	c.d.SP()
	text := c.d.AString()
	if len(text) > maxURL {
		c.d.Fail("URL too long")
	}
	if c.d.Err() != nil {
		return c.d.Err()
	}
	m, ok := parseMessageURL(text)
	if !ok {
		return badURL(text, "not the URL of a message here")
	}
	p, err := c.s.placeWith(ctx, m.mailbox, mail.RightRead)
	if err == errNoRight || mail.Is(err, mail.CodeNotFound) || err == nil && m.validity != 0 && m.validity != p.box.UIDValidity {
		return badURL(text, "no such mailbox")
	}
	if err != nil {
		return err
	}
	found := false
	err = c.s.srv.Store.FetchMessages(ctx, p.box.Account, p.box.ID, mail.UIDSetOf(m.uid), m.section.columns(), func(r *mail.MessageRow) error {
		var err error
		found, err = c.copy(ctx, r, m.section)
		return err
	})
	if err == nil && !found {
		return badURL(text, "no such message or part")
	}
	return err
}

func (c *catenation) copy(ctx context.Context, r *mail.MessageRow, sec *section) (found bool, err error) {
	b := &body{s: c.s, row: r}
	sp, found, err := b.find(ctx, sec)
	if err != nil || !found {
		return false, err
	}
	if sec.partial {
		sp = sp.slice(sec.offset, sec.count)
	}
	if err := c.grow(ctx, sp.size()); err != nil {
		return true, err
	}
	return true, b.copy(ctx, c.w, sp)
}

// badURL names the first URL that failed (RFC 4469 §4.1). Octets that the
// code's text may not have are percent-encoded.
func badURL(text, why string) error {
	if text == "" {
		return no("", why)
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == ']' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return no("BADURL "+b.String(), why)
}
