// Package dsn writes delivery status notifications: multipart/report (RFC
// 6522) with a part for people, message/delivery-status (RFC 3464) or
// message/global-delivery-status (RFC 6533), and what is returned of the
// message. It decides nothing about who gets one.
package dsn

import (
	"bytes"
	"io"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Delivered is the kind of a DSN that tells of a message filed here, when
// success was asked for (RFC 3464 §2.3.3).
const Delivered mail.DSNKind = "delivered"

// Report is one DSN: one message, one kind, its recipients.
type Report struct {
	Kind     mail.DSNKind
	Hostname string // the reporting MTA
	Trace    mail.TraceID
	Date     time.Time

	To         mail.Address // the reverse-path of the message
	Original   mail.TraceID
	MessageID  string // of the message, with its <>; "" when none
	EnvID      string // ENVID, decoded
	Arrived    time.Time
	RetryUntil time.Time // for a delay
	Recipients []Recipient
	UTF8       bool // the message needed SMTPUTF8

	Header []byte // of the message: complete lines
	// Full gives the whole message and is returned in place of Header.
	Full     io.Reader
	Body8Bit bool // of Full
}

// Recipient is one recipient the report tells of.
type Recipient struct {
	Address     mail.Address
	ORcpt       string // "rfc822;a@b", decoded; "" when none
	Reply       mail.RemoteReply
	LastAttempt time.Time
	Expired     bool // given up because its time was over
}

// maxHeader bounds the header that is returned.
const maxHeader = 64 << 10

// global tells whether the report itself holds addresses that only RFC 6533's
// types may carry.
func (r *Report) global() bool {
	for _, rc := range r.Recipients {
		if !rc.Address.IsASCII() || !isASCII(rc.ORcpt) {
			return true
		}
	}
	return false
}

// NeedsUTF8 tells whether the report's own header is internationalized, so
// that it goes out with SMTPUTF8.
func (r *Report) NeedsUTF8() bool { return !r.To.IsASCII() }

// Write writes the report as a message, CRLF throughout.
func (r *Report) Write(w io.Writer) error {
	b := &lines{w: w}
	boundary := "=_" + r.Trace.String() + "_report"
	r.header(b, boundary)
	b.put("")
	b.put("This is a report in MIME format about a message of yours.")
	b.put("")
	b.put("--" + boundary)
	r.human(b)
	b.put("--" + boundary)
	r.status(b)
	b.put("--" + boundary)
	r.returned(b)
	b.put("--" + boundary + "--")
	return b.err
}

func (r *Report) header(b *lines, boundary string) {
	b.put("From: Mail Delivery System <MAILER-DAEMON@" + r.Hostname + ">")
	b.put("To: " + r.To.String())
	b.put("Subject: " + r.subject())
	b.put("Date: " + date(r.Date))
	b.put("Message-ID: <" + r.Trace.String() + "@" + r.Hostname + ">")
	if isMessageID(r.MessageID) {
		b.put("In-Reply-To: " + r.MessageID)
		b.put("References: " + r.MessageID)
	}
	b.put("Auto-Submitted: auto-replied")
	b.put("MIME-Version: 1.0")
	b.put("Content-Type: multipart/report; report-type=delivery-status;")
	b.put("\tboundary=\"" + boundary + "\"")
	b.put("Content-Transfer-Encoding: 8bit")
}

func (r *Report) subject() string {
	switch r.Kind {
	case mail.DSNDelay:
		return "Your message is delayed and still being tried"
	case mail.DSNSuccess:
		return "Your message was passed on"
	case Delivered:
		return "Your message was delivered"
	}
	return "Your message could not be delivered"
}

// isMessageID keeps out what could break the header line it is put into.
func isMessageID(s string) bool {
	return len(s) > 2 && len(s) < 900 && s[0] == '<' && s[len(s)-1] == '>' &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// returned gives the header or the whole message back (RFC 3461 §6.2).
func (r *Report) returned(b *lines) {
	encoding := "7bit"
	head := r.Header
	if len(head) > maxHeader {
		head = head[:bytes.LastIndexByte(head[:maxHeader], '\n')+1]
	}
	kind := "text/rfc822-headers"
	if r.UTF8 {
		kind = "message/global-headers"
	}
	if r.Full != nil {
		kind = "message/rfc822"
		if r.UTF8 {
			kind = "message/global"
		}
	}
	if r.Body8Bit && r.Full != nil || !isASCII(string(head)) {
		encoding = "8bit"
	}
	b.put("Content-Type: " + kind)
	b.put("Content-Description: what was sent")
	b.put("Content-Transfer-Encoding: " + encoding)
	b.put("")
	if r.Full == nil {
		b.raw(head)
	} else {
		b.copy(r.Full)
	}
	b.put("")
}

func date(t time.Time) string { return t.UTC().Format("Mon, 2 Jan 2006 15:04:05 -0700") }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func shown(a mail.Address) string { return address.Display(a) }
