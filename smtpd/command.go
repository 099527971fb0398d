package smtpd

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/sasl"
)

// commands is the table of verbs. What is not in it is answered here and never
// reaches go-smtp.
var commands map[string]func(w *wire, arg string)

func init() {
	commands = map[string]func(*wire, string){
		"HELO": func(w *wire, arg string) { w.hello("HELO", arg) },
		"EHLO": func(w *wire, arg string) { w.hello("EHLO", arg) },
		"MAIL": (*wire).mail, "RCPT": (*wire).rcpt,
		"DATA": (*wire).data, "BDAT": (*wire).bdat,
		"STARTTLS": (*wire).startTLS, "AUTH": (*wire).auth,
		"RSET": func(w *wire, arg string) { w.plain("RSET", arg) },
		"QUIT": func(w *wire, arg string) { w.plain("QUIT", arg) },
		"NOOP": func(w *wire, _ string) { w.plain("NOOP", "") },
		"VRFY": func(w *wire, _ string) { w.plain("VRFY", "") },
		"HELP": func(w *wire, _ string) { w.counts.junk++; w.say(reply(214, "2.0.0", "see RFC 5321")) },
		"EXPN": func(w *wire, _ string) { w.say(reply(502, "5.5.1", "not offered")) },
	}
}

// forbidden are verbs of clients that only got here by a trick, such as a web
// browser that was sent to our port (Postfix: smtpd_forbidden_commands).
var forbidden = map[string]bool{"GET": true, "POST": true, "PUT": true, "HEAD": true, "CONNECT": true,
	"OPTIONS": true, "DELETE": true, "PATCH": true, "TRACE": true, "HOST:": true}

// command answers or forwards one line.
func (w *wire) command(s string) {
	verb, arg, _ := strings.Cut(s, " ")
	verb, arg = keyword(verb), strings.TrimRight(arg, " ")
	run, known := commands[verb]
	switch {
	case forbidden[verb]:
		w.fail("", replyForbidden)
	case !cleanText(s):
		w.say(replyBadSyntax)
	case !known:
		w.say(replyUnknown)
	default:
		run(w, arg)
	}
}

// keyword gives a keyword in upper case. Only ASCII letters fold (RFC 5321
// §2.4): Unicode would make S of ſ and I of ı, and so commands of what is none
// to others.
func keyword(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// cleanText tells whether a line is UTF-8 without control characters.
func cleanText(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == utf8.RuneError {
			return false
		}
	}
	return true
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// plain forwards a verb that takes no argument.
func (w *wire) plain(verb, arg string) {
	if arg != "" {
		w.say(reply(501, "5.5.4", "no argument expected"))
		return
	}
	if verb != "QUIT" {
		w.counts.junk++
	}
	w.forward(verb, verb)
}

func (w *wire) hello(verb, arg string) {
	arg, _, _ = strings.Cut(arg, " ")
	if arg == "" || len(arg) > 255 {
		w.say(reply(501, "5.5.4", "a domain or address literal is needed"))
		return
	}
	w.counts.junk++
	w.peer.Helo, w.peer.ESMTP = arg, verb == "EHLO"
	w.forward(verb, verb+" "+arg)
}

// mail checks MAIL as it was sent (RFC 5321 §4.1.1.2) and forwards it with the
// address in canonical form.
func (w *wire) mail(arg string) {
	path, params, ok := cutPath(arg, "FROM:")
	switch {
	case w.peer.Helo == "":
		w.say(replyHelloFirst)
	case w.open:
		w.say(replyNestedMail)
	case w.peer.Role == mail.RoleSubmission && !w.peer.Authenticated():
		if w.mayAuth() {
			w.refuse("MAIL", replyAuthFirst)
			return
		}
		w.refuse("MAIL", replyTLSFirst)
	case w.counts.messages >= w.srv.cfg.Limits.Messages && !w.lifted:
		w.fail("MAIL", replyMessages)
	case !ok:
		w.refuse("MAIL", replyBadSender)
	default:
		w.checkedMail(path, params)
	}
}

func (w *wire) checkedMail(path, params string) {
	params, utf8, bad := w.mailParams(params)
	if bad != nil {
		w.refuse("MAIL", bad)
		return
	}
	if !utf8 && !ascii(path) {
		w.refuse("MAIL", replyNeedsUTF8)
		return
	}
	var from mail.Address
	if path != "" {
		var err error
		if from, err = w.parse(path); err != nil {
			w.refuse("MAIL", replyBadSender)
			return
		}
	}
	w.forward("MAIL", "MAIL FROM:<"+from.String()+">"+params)
}

// rcpt checks RCPT as it was sent (RFC 5321 §4.1.1.3).
func (w *wire) rcpt(arg string) {
	path, params, ok := cutPath(arg, "TO:")
	if !w.open {
		w.say(replyMailFirst)
		return
	}
	if w.recipients >= w.srv.cfg.Limits.Recipients {
		w.refuse("RCPT", replyRecipients)
		return
	}
	if !ok {
		w.refuse("RCPT", replyBadRecipient)
		return
	}
	params, bad := rcptParams(params)
	if bad != nil {
		w.refuse("RCPT", bad)
		return
	}
	if !w.session.tx.env.UTF8 && !ascii(path) {
		w.refuse("RCPT", replyNeedsUTF8)
		return
	}
	to, err := w.parse(path)
	if keyword(path) == "POSTMASTER" { // RFC 5321 §4.5.1: without a domain, too
		to, err = w.srv.cfg.Postmaster, nil
	}
	switch {
	case err != nil:
		w.refuse("RCPT", replyBadRecipient)
	case w.peer.Role == mail.RoleMX && strings.ContainsAny(to.Local, "%!"):
		// user%other@us and other!user@us ask the next system to route on.
		w.refuse("RCPT", replyRouted)
	default:
		w.forward("RCPT", "RCPT TO:<"+to.String()+">"+params)
	}
}

// cutPath splits `FROM:<path> params`. Only a path in angle brackets is one;
// blanks after the colon are common enough to be forgiven.
func cutPath(arg, keyword string) (path, params string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", false
	}
	arg = strings.TrimLeft(arg[len(keyword):], " ")
	if !strings.HasPrefix(arg, "<") {
		return "", "", false
	}
	path, params, ok = strings.Cut(arg[1:], ">")
	return path, params, ok && (params == "" || params[0] == ' ')
}

func (w *wire) parse(path string) (mail.Address, error) {
	if w.srv.cfg.AddressLiterals {
		return address.ParseLiteralOK(path)
	}
	return address.Parse(path)
}

func (w *wire) auth(arg string) {
	mech, response, given := strings.Cut(arg, " ")
	_, err := decodeBase64(response)
	switch {
	case w.peer.Helo == "":
		w.say(replyHelloFirst)
	case w.peer.Role != mail.RoleSubmission:
		w.refuse("AUTH", replyNoAuth)
	case w.peer.Authenticated():
		w.say(replyAuthTwice)
	case w.open:
		w.say(replyNestedMail)
	case !w.mayAuth():
		w.refuse("AUTH", replyAuthNeedsTLS)
	case w.tooManyFailures(): // those of exchanges that the client broke off
		w.fail("AUTH", replyAuthFailures)
	case !slices.Contains(sasl.Offered(w.saslConn(), w.srv.auth), keyword(mech)):
		w.refuse("AUTH", replyMechanism)
	case given && err != nil:
		w.refuse("AUTH", replyBase64)
	case given:
		w.forward("AUTH", "AUTH "+mech+" "+response)
	default:
		w.forward("AUTH", "AUTH "+mech)
	}
}

// mayAuth tells whether a password may come this way: under TLS, or from this
// machine where the configuration allows it.
func (w *wire) mayAuth() bool {
	return w.peer.TLS() || w.srv.cfg.AuthWithoutTLS && w.conn.Loopback()
}

func (w *wire) saslResponse(s string) {
	if _, err := decodeBase64(s); err != nil && s != "*" {
		w.badBase64 = true
		s = "*"
	}
	w.sasl = false
	w.forward("AUTH", s)
}

func decodeBase64(s string) ([]byte, error) {
	if s == "=" {
		return nil, nil
	}
	return base64.StdEncoding.DecodeString(s)
}
