package dsn

import (
	"strconv"
	"strings"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// status writes the part for programs (RFC 3464 §2).
func (r *Report) status(b *lines) {
	kind, encoding := "message/delivery-status", "7bit"
	if r.global() {
		kind, encoding = "message/global-delivery-status", "8bit"
	}
	b.put("Content-Type: " + kind)
	b.put("Content-Description: status for programs")
	b.put("Content-Transfer-Encoding: " + encoding)
	b.put("")
	b.field("Reporting-MTA", "dns; "+r.Hostname)
	if r.EnvID != "" {
		b.field("Original-Envelope-Id", ascii(r.EnvID))
	}
	b.field("Arrival-Date", date(r.Arrived))
	for _, rc := range r.Recipients {
		b.put("")
		r.recipientStatus(b, rc)
	}
	b.put("")
}

func (r *Report) recipientStatus(b *lines, rc Recipient) {
	if rc.ORcpt != "" {
		b.field("Original-Recipient", strings.Replace(rc.ORcpt, ";", "; ", 1))
	}
	b.field("Final-Recipient", finalRecipient(rc.Address))
	b.field("Action", string(r.Kind))
	b.field("Status", r.statusCode(rc))
	if host, _, _ := strings.Cut(rc.Reply.Remote, " "); host != "" {
		b.field("Remote-MTA", "dns; "+host)
	}
	if rc.Reply.Code != 0 {
		text := rc.Reply.Text
		if !r.global() { // letters beyond ASCII fit the global form only
			text = ascii(text)
		}
		b.field("Diagnostic-Code", strings.TrimSpace("smtp; "+strconv.Itoa(rc.Reply.Code)+" "+rc.Reply.Status+" "+text))
	}
	if !rc.LastAttempt.IsZero() {
		b.field("Last-Attempt-Date", date(rc.LastAttempt))
	}
	if r.Kind == mail.DSNDelay {
		b.field("Will-Retry-Until", date(r.RetryUntil))
	}
}

// statusCode is the reply's; for a message whose time is over it is 4.4.7
// (RFC 3463 §3.5: "delivery time expired").
func (r *Report) statusCode(rc Recipient) string {
	switch {
	case rc.Expired:
		return "4.4.7"
	case rc.Reply.Status != "":
		return rc.Reply.Status
	}
	return map[mail.DSNKind]string{mail.DSNFailure: "5.0.0", mail.DSNDelay: "4.0.0", mail.DSNSuccess: "2.0.0", Delivered: "2.0.0"}[r.Kind]
}

// finalRecipient has the address type utf-8 where the local part needs it
// (RFC 6533 §3), the domain then as people read it.
func finalRecipient(a mail.Address) string {
	if a.IsASCII() {
		return "rfc822; " + a.String()
	}
	return "utf-8; " + a.Local + "@" + address.DisplayDomain(a.Domain)
}

func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return '?'
		}
		return r
	}, s)
}
