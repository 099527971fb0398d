package smtpd

import (
	gosasl "github.com/emersion/go-sasl"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/maillog"
	"postroom/internal/sasl"
)

// saslConn is what SASL may know of the connection.
func (w *wire) saslConn() sasl.Conn { return sasl.Conn{Peer: w.peer.Peer.Addr(), TLS: w.tls} }

// tooManyFailures tells that the client has guessed enough on this connection.
func (w *wire) tooManyFailures() bool {
	return w.counts.authFailures >= w.srv.cfg.Limits.AuthFailures
}

// AuthMechanisms is asked for go-smtp's own EHLO list, which the wire replaces.
func (s *session) AuthMechanisms() []string { return nil }

// Auth begins an exchange; wire.auth has checked that it may.
func (s *session) Auth(mech string) (gosasl.Server, error) {
	x := &exchange{s: s, mech: mech}
	x.Exchange = sasl.Begin(mech, s.w.saslConn(), s.w.srv.auth, x.refused)
	if x.Exchange == nil {
		return nil, replyMechanism
	}
	return x, nil
}

// exchange is one AUTH (RFC 4954 §4). A message that a mechanism sends along
// with its success goes out as a last 334, which the client answers with an
// empty line.
type exchange struct {
	*sasl.Exchange
	s    *session
	mech string
}

// refused logs a failure and counts it, unless it is ours.
func (x *exchange) refused(login string, err error) {
	w := x.s.w
	w.srv.log.LoginFailed(maillog.Session(w.peer), x.mech, login, mail.CodeOf(err))
	if addr, bad := address.Parse(login); bad == nil && !mail.Is(err, mail.CodeUnavailable) {
		x.note(mail.Login{Address: addr, Reason: maillog.Reason(mail.CodeOf(err))})
	}
	if !mail.Is(err, mail.CodeUnavailable) {
		w.counts.authFailures++
	}
}

// Next turns every error into a reply.
func (x *exchange) Next(response []byte) ([]byte, bool, error) {
	w := x.s.w
	ctx, cancel := w.callContext()
	defer cancel()
	challenge, done, err := x.Exchange.Next(ctx, response)
	switch {
	case err != nil && !mail.Is(err, mail.CodeUnavailable) && w.tooManyFailures():
		return nil, false, replyAuthFailures
	case err != nil:
		return nil, false, replyToAuth(err)
	case done:
		id := x.Identity()
		x.s.identity = id
		w.peer.Account, w.peer.Credential, w.peer.Login = id.Account, id.Credential, id.Login
		w.srv.log.Login(maillog.Session(w.peer), x.mech, id.NewNetwork)
		x.note(mail.Login{Account: id.Account, Credential: id.Credential})
	}
	return challenge, done, nil
}

// note adds to the history of log-ins.
func (x *exchange) note(l mail.Login) {
	p := x.s.w.peer
	l.Peer, l.Protocol, l.Mechanism, l.Client, l.TLS = p.Peer.Addr(), "smtp", x.mech, p.Helo, p.TLSVersion
	if f := x.s.w.srv.cfg.NoteLogin; f != nil {
		f(l)
	}
}
