package smtpd

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"postroom/internal/mail"
	"postroom/internal/sasl"
)

// reply takes one line of go-smtp's reply to w.verb, notes what it changes,
// and puts the line that the client shall see.
func (w *wire) reply(l []byte) {
	code, final := replyLine(l)
	if !final { // only EHLO has several lines, and its list is ours
		return
	}
	switch {
	case w.verb == "" && w.quiet:
	case w.verb == "EHLO" && code == 250:
		w.put(w.capabilities())
	case w.verb == "HELO" && code == 250:
		w.put("250 " + w.srv.cfg.Hostname + "\r\n")
	case w.verb == "MAIL" && code == 250:
		w.open, w.recipients = true, 0
		w.put("250 2.1.0 sender ok\r\n")
	case w.verb == "RCPT" && code == 250:
		w.recipients++
		w.put("250 2.1.5 recipient ok\r\n")
	case w.verb == "DATA" && code == 354:
		if !w.chunked {
			w.put("354 end data with <CR><LF>.<CR><LF>\r\n")
		}
		return
	case w.verb == "AUTH" && code == 334:
		w.sasl = true
		w.put(string(l))
	case w.verb == "AUTH" && code == 235:
		w.put("235 2.7.0 authenticated\r\n")
	case w.verb == "AUTH" && w.badBase64:
		w.badBase64 = false
		w.say(replyBase64)
	default:
		w.put(string(l))
		w.tally(code)
	}
	if w.verb == "DATA" || w.verb == "RSET" || w.verb == "EHLO" || w.verb == "HELO" {
		w.open, w.recipients = false, 0
	}
}

// replyLine reads the code of a reply line and whether it is the last one.
func replyLine(l []byte) (code int, final bool) {
	if len(l) < 4 {
		return 0, false
	}
	code, _ = strconv.Atoi(string(l[:3]))
	return code, l[3] == ' '
}

// tally counts errors, slows down who makes many, and ends the connection
// after the replies that say so.
func (w *wire) tally(code int) {
	if code == 221 {
		w.end("quit")
	}
	if code < 400 {
		return
	}
	w.counts.errors++
	if code == 421 || code == 521 {
		w.end("refused")
		w.linger = true
		return
	}
	w.srv.tarpit.hold(w, w.srv.tarpit.miss(w, code))
}

// capabilities is the reply to EHLO (RFC 5321 §4.1.1.1): our name first.
func (w *wire) capabilities() string {
	lines := []string{
		w.srv.cfg.Hostname + " greets you",
		"PIPELINING",                                     // RFC 2920
		fmt.Sprintf("SIZE %d", w.srv.cfg.MaxMessageSize), // RFC 1870
	}
	if w.srv.cfg.TLS != nil && !w.peer.TLS() {
		lines = append(lines, "STARTTLS") // RFC 3207
	}
	if w.peer.Role == mail.RoleSubmission && w.mayAuth() && !w.peer.Authenticated() {
		lines = append(lines, "AUTH "+strings.Join(sasl.Offered(w.saslConn(), w.srv.auth), " ")) // RFC 4954
	}
	lines = append(lines,
		"ENHANCEDSTATUSCODES", // RFC 2034
		"8BITMIME",            // RFC 6152
		"DSN",                 // RFC 3461
		"SMTPUTF8",            // RFC 6531
		"CHUNKING",            // RFC 3030
	)
	return "250-" + strings.Join(lines[:len(lines)-1], "\r\n250-") + "\r\n250 " + lines[len(lines)-1] + "\r\n"
}

// callContext bounds one call of the Backend.
func (w *wire) callContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.ctx, w.srv.cfg.Limits.Commit)
}
