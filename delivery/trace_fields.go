package delivery

import (
	"net/netip"
	"strings"
	"time"

	"postroom/internal/mail"
)

// receivedField gives our Received field (RFC 5321 §4.4), folded, with CRLF.
// The for clause stands only where there is one recipient, so that nobody
// reads of another (RFC 5321 §7.2), and only in ASCII where the field must not
// make the message need SMTPUTF8.
func (d *Delivery) receivedField(s *mail.Session, e *mail.Envelope, trace mail.TraceID, at time.Time, utf8 bool) string {
	var b strings.Builder
	b.WriteString("Received: from " + safeHelo(s.Helo))
	if s.Peer.IsValid() {
		b.WriteString(" (" + literal(s.Peer.Addr()) + ")")
	}
	b.WriteString("\r\n\tby " + d.cfg.Hostname + " with " + s.With(e.UTF8))
	if s.TLS() {
		b.WriteString(" (" + s.TLSVersion + " " + s.TLSCipher + ")")
	}
	b.WriteString("\r\n\tid " + trace.String())
	if len(e.Recipients) == 1 && (utf8 || e.Recipients[0].Address.IsASCII()) {
		b.WriteString("\r\n\tfor <" + d.fullAddress(e.Recipients[0].Address) + ">")
	}
	b.WriteString(";\r\n\t" + dateTime(at) + "\r\n")
	return b.String()
}

// safeHelo keeps what a domain or literal may hold; a peer's name must not be
// able to write into our trace. A missing one is "unknown".
func safeHelo(helo string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".-:[]_", r):
			return r
		}
		return '?'
	}, helo)
	if s == "" {
		return "unknown"
	}
	return s[:min(len(s), 255)]
}

// literal gives an address literal of RFC 5321 §4.1.3.
func literal(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return "[" + a.String() + "]"
	}
	return "[IPv6:" + a.String() + "]"
}

// fullAddress completes the bare <postmaster>.
func (d *Delivery) fullAddress(a mail.Address) string {
	if a.Domain == "" && a.Local != "" {
		a.Domain = d.cfg.Hostname
	}
	return a.String()
}

func (d *Delivery) deliveredTo(a mail.Address) string {
	return "Delivered-To: " + d.fullAddress(a) + "\r\n"
}

func returnPath(a mail.Address) string { return "Return-Path: <" + a.String() + ">\r\n" }

func dateTime(t time.Time) string { return t.UTC().Format("Mon, 2 Jan 2006 15:04:05 -0700") }

// localReceived is the Received field of a message made here.
func (d *Delivery) localReceived(trace mail.TraceID, at time.Time) string {
	return "Received: by " + d.cfg.Hostname + "\r\n\tid " + trace.String() + ";\r\n\t" + dateTime(at) + "\r\n"
}
