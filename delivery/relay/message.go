package relay

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"postroom/internal/mail"
)

// Message is what one Send transmits.
type Message struct {
	From     mail.Address // null for "<>"
	Size     int64        // octets that Open gives
	Ret      mail.Return
	EnvID    string
	UTF8     bool // the header or reverse-path needs SMTPUTF8
	Body8Bit bool
	// Open gives the octets: our prefix, then the blob. It may be called more
	// than once.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// BeforeFinal is called when all but the end of the message is out. On an
	// error the connection is cut instead, so that the peer takes nothing.
	BeforeFinal func(ctx context.Context) error
}

func (m *Message) needsUTF8() bool { return m.UTF8 || !m.From.IsASCII() }

// mailLine gives the MAIL command with the parameters that the server offers.
//
// Deviation: RFC 6152 §3 wants 8-bit content converted or bounced where
// 8BITMIME is not offered. It is sent as it is, as Exim and qmail do: such
// servers are 8-bit clean in practice, a conversion breaks DKIM signatures,
// and a bounce loses the mail.
func (s *Session) mailLine(m *Message, utf8 bool) string {
	var b strings.Builder
	b.WriteString("MAIL FROM:<" + m.From.String() + ">")
	if s.offers("SIZE") {
		b.WriteString(" SIZE=" + strconv.FormatInt(m.Size, 10))
	}
	if m.Body8Bit && s.offers("8BITMIME") {
		b.WriteString(" BODY=8BITMIME")
	}
	if utf8 {
		b.WriteString(" SMTPUTF8")
	}
	if s.authenticated {
		b.WriteString(" AUTH=<>") // who submitted it is ours to know (RFC 4954 §5)
	}
	if s.offers("DSN") {
		switch m.Ret {
		case mail.ReturnFull:
			b.WriteString(" RET=FULL")
		case mail.ReturnHeaders:
			b.WriteString(" RET=HDRS")
		}
		if m.EnvID != "" {
			b.WriteString(" ENVID=" + xtext(m.EnvID))
		}
	}
	return b.String()
}

// rcptLine gives the RCPT command; NOTIFY and ORCPT go to servers that offer
// DSN (RFC 3461 §5.2.1).
func (s *Session) rcptLine(r mail.Recipient, utf8 bool) string {
	line := "RCPT TO:<" + r.Address.String() + ">"
	if !s.offers("DSN") {
		return line
	}
	if n := r.Notify.String(); n != "" {
		line += " NOTIFY=" + n
	}
	kind, addr, ok := strings.Cut(r.ORcpt, ";")
	switch {
	case !ok:
	case strings.EqualFold(kind, "utf-8"):
		line += " ORCPT=utf-8;" + utf8xtext(addr, utf8)
	default:
		line += " ORCPT=" + kind + ";" + xtext(addr)
	}
	return line
}

// xtext encodes as RFC 3461 §4 has it.
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// utf8xtext encodes as RFC 6533 §3: utf-8-addr-unitext where SMTPUTF8 is in
// force, else utf-8-addr-xtext.
func utf8xtext(s string, unitext bool) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < '!' || r == 0x7f || r == '+' || r == '=' || r == '\\', r >= utf8.RuneSelf && !unitext:
			fmt.Fprintf(&b, "\\x{%02X}", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// sendable refuses an address that could end the command: addresses are
// checked where they enter, and once more at the wire.
func sendable(a mail.Address) bool {
	return !strings.ContainsFunc(a.String(), func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == utf8.RuneError
	})
}
