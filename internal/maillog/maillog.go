// Package maillog writes the one line per event that an administrator greps
// for. Names and keys are stable: tools such as fail2ban read them.
//
// The message names the event; the keys are always these, those that are
// empty left out:
//
//	proto    smtp, imap
//	role     mx, submission (smtp only)
//	peer     the client's address, without port: 192.0.2.7, 2001:db8::1
//	port     the client's port
//	account  the account's id
//	login    the address used to log in, if it is one
//	id       the queue id
//	result   ok, or the code and status of the reply: "550 5.1.1"
//
// A failed log-in is, in the text form:
//
//	level=WARN msg="login failed" proto=smtp role=submission peer=192.0.2.7 port=40112 mech=PLAIN login=alice@example.test reason=bad-credentials
//
// The order of its keys is stable too: what a client chooses comes after its
// address. docs/authentication.md has the filter for fail2ban.
//
// Passwords, SASL responses, message octets and what a client sent instead of
// a command are never passed to this package.
package maillog

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// Log writes the events of one protocol.
type Log struct{ log *slog.Logger }

// New makes a Log for a protocol, "smtp" or "imap".
func New(l *slog.Logger, proto string) *Log { return &Log{l.With("proto", proto)} }

// Slog is the logger beneath, with proto set, for what is no event of a peer.
func (l *Log) Slog() *slog.Logger { return l.log }

// Peer gives the attributes that name a client: an IPv4 address as such on a
// listener for both, and none with a zone, which filters do not read.
func Peer(p netip.AddrPort) []slog.Attr {
	return []slog.Attr{slog.String("peer", p.Addr().Unmap().WithZone("").String()), slog.Int("port", int(p.Port()))}
}

// Session is Peer, the role and the account of an SMTP session.
func Session(s *mail.Session) []slog.Attr {
	a := append([]slog.Attr{slog.String("role", s.Role.String())}, Peer(s.Peer)...)
	if s.Authenticated() {
		a = append(a, slog.Int64("account", int64(s.Account)), slog.String("login", s.Login))
	}
	return a
}

// Event writes one line.
func (l *Log) Event(level slog.Level, event string, who []slog.Attr, more ...slog.Attr) {
	all := append(append([]slog.Attr(nil), who...), more...)
	l.log.LogAttrs(context.Background(), level, event, all...)
}

// Connect notes a new connection.
func (l *Log) Connect(who []slog.Attr, more ...slog.Attr) {
	l.Event(slog.LevelInfo, "connect", who, more...)
}

// Disconnect notes its end, why, and how long it stood.
func (l *Log) Disconnect(who []slog.Attr, why string, after time.Duration) {
	l.Event(slog.LevelInfo, "disconnect", who, slog.String("reason", why),
		slog.Duration("after", after.Round(time.Millisecond)))
}

// LoginFailed notes a refused log-in. login is what the client gave: it is
// written only when it is an address, since people type passwords there.
func (l *Log) LoginFailed(who []slog.Attr, mech, login string, reason mail.Code) {
	a := []slog.Attr{slog.String("mech", mech)}
	if addr, err := address.Parse(login); err == nil {
		a = append(a, slog.String("login", addr.String()))
	}
	l.Event(slog.LevelWarn, "login failed", who, append(a, slog.String("reason", Reason(reason)))...)
}

// Login notes a log-in; who holds the account already. newNetwork: it was not
// in from there lately.
func (l *Log) Login(who []slog.Attr, mech string, newNetwork bool) {
	a := []slog.Attr{slog.String("mech", mech)}
	if newNetwork {
		a = append(a, slog.Bool("new_network", true))
	}
	l.Event(slog.LevelInfo, "login", who, a...)
}

// Reject notes a refused command: its verb, addresses as far as they are
// valid, and the reply.
func (l *Log) Reject(who []slog.Attr, verb string, code int, status, text string, more ...slog.Attr) {
	a := append(more, slog.String("verb", verb),
		slog.String("result", strconv.Itoa(code)+" "+status), slog.String("text", text))
	l.Event(slog.LevelInfo, "reject", who, a...)
}

// Accepted notes a message for which 250 was said.
func (l *Log) Accepted(who []slog.Attr, d mail.Delivered, e *mail.Envelope, size int64) {
	l.Event(slog.LevelInfo, "accepted", who, slog.String("id", d.Trace.String()),
		slog.String("from", "<"+e.From.String()+">"), slog.Int("recipients", len(e.Recipients)),
		slog.Int64("size", size), slog.Bool("duplicate", d.Duplicate), slog.String("result", "ok"))
}

// Reason names why a log-in failed, as the log and the history have it.
func Reason(c mail.Code) string {
	switch c {
	case mail.CodeBadCredentials:
		return "bad-credentials"
	case mail.CodeThrottled:
		return "throttled"
	case mail.CodeAccountDisabled:
		return "account-disabled"
	case mail.CodeInvalid:
		return "malformed"
	}
	return "unavailable"
}
