package smtpd

import (
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"

	"postroom/internal/mail"
)

// The parameters of the extensions we offer. go-smtp reads their values; it
// takes the last of two and knows neither 555 nor a SIZE over 32 bits, so
// these are looked at first.
var (
	mailKeywords = map[string]bool{"SIZE": true, "BODY": true, "SMTPUTF8": true, "RET": true, "ENVID": true, "AUTH": true}
	rcptKeywords = map[string]bool{"NOTIFY": true, "ORCPT": true}
)

// maxEnvID bounds ENVID, characters of its xtext (RFC 3461 §5.4).
const maxEnvID = 100

// eachParam runs f over the parameters; a refusal ends it.
func eachParam(params string, known map[string]bool, f func(key, value string, given bool) *smtp.SMTPError) *smtp.SMTPError {
	seen := map[string]bool{}
	for p := range strings.FieldsSeq(params) {
		key, value, given := strings.Cut(p, "=")
		key = keyword(key)
		switch {
		case !known[key]:
			return replyUnknownParam
		case seen[key], given && value == "", strings.Contains(value, "="):
			return replyBadParam
		}
		seen[key] = true
		if bad := f(key, value, given); bad != nil {
			return bad
		}
	}
	return nil
}

// mailParams checks the parameters of MAIL and gives those that go-smtp shall
// read. AUTH= (RFC 4954 §5) is understood and not believed.
func (w *wire) mailParams(params string) (forward string, utf8 bool, bad *smtp.SMTPError) {
	var b strings.Builder
	bad = eachParam(params, mailKeywords, func(key, value string, given bool) *smtp.SMTPError {
		switch key {
		case "SIZE":
			if refused := w.sizeParam(value); refused != nil {
				return refused
			}
		case "SMTPUTF8":
			if given {
				return replyBadParam
			}
			utf8 = true
		case "ENVID":
			if len(value) > maxEnvID {
				return replyBadParam
			}
		case "AUTH":
			return nil
		}
		b.WriteString(" " + key)
		if given {
			b.WriteString("=" + value)
		}
		return nil
	})
	if bad == nil && !utf8 && !ascii(params) {
		bad = replyBadParam
	}
	return b.String(), utf8, bad
}

// sizeParam is RFC 1870 §6.1: up to 20 digits.
func (w *wire) sizeParam(value string) *smtp.SMTPError {
	if value == "" || len(value) > 20 || strings.Trim(value, "0123456789") != "" {
		return replyBadParam
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n > w.srv.cfg.MaxMessageSize {
		return replyTooBig
	}
	return nil
}

// rcptParams checks the parameters of RCPT and gives those that go-smtp shall
// read.
func rcptParams(params string) (forward string, bad *smtp.SMTPError) {
	var b strings.Builder
	bad = eachParam(params, rcptKeywords, func(key, value string, given bool) *smtp.SMTPError {
		if !given {
			return replyBadParam
		}
		if key == "ORCPT" {
			value = typedORCPT(value)
		}
		b.WriteString(" " + key + "=" + value)
		return nil
	})
	return b.String(), bad
}

// envelopeOf gives the Envelope of a MAIL.
func envelopeOf(from mail.Address, o *smtp.MailOptions) mail.Envelope {
	e := mail.Envelope{From: from, EnvID: o.EnvelopeID, UTF8: o.UTF8, Size: o.Size,
		Body8Bit: o.Body == smtp.Body8BitMIME}
	switch o.Return {
	case smtp.DSNReturnFull:
		e.Ret = mail.ReturnFull
	case smtp.DSNReturnHeaders:
		e.Ret = mail.ReturnHeaders
	}
	return e
}

// recipientOf gives the Recipient of a RCPT; false when its ORCPT hides
// control characters, which would end up in header fields of a DSN.
func recipientOf(to mail.Address, o *smtp.RcptOptions) (mail.Recipient, bool) {
	r := mail.Recipient{Address: to}
	for _, n := range o.Notify {
		switch n {
		case smtp.DSNNotifyNever:
			r.Notify |= mail.NotifyNever
		case smtp.DSNNotifySuccess:
			r.Notify |= mail.NotifySuccess
		case smtp.DSNNotifyFailure:
			r.Notify |= mail.NotifyFailure
		case smtp.DSNNotifyDelayed:
			r.Notify |= mail.NotifyDelay
		}
	}
	if o.OriginalRecipient != "" {
		r.ORcpt = strings.ToLower(string(o.OriginalRecipientType)) + ";" + o.OriginalRecipient
	}
	return r, cleanText(r.ORcpt) && len(r.ORcpt) <= 500
}
