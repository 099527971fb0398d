package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type loginArgs struct{ user, password string }

// parseLogin parses
//
//	login = "LOGIN" SP userid SP password            ; RFC 9051 §6.2.3
func parseLogin(_ *session, d *wire.Decoder) (a loginArgs) {
	a.user = d.AString()
	d.SP()
	a.password = d.AString()
	return a
}

func runLogin(ctx context.Context, s *session, a loginArgs) (reply, error) {
	if !s.mayLogin() {
		return reply{}, no("PRIVACYREQUIRED", "passwords are taken over TLS only")
	}
	return s.login(ctx, "LOGIN", a.user, a.password)
}

// login checks a name and password and opens the account.
func (s *session) login(ctx context.Context, mechanism, user, password string) (reply, error) {
	// The check may be slowed by throttling; the time to log in goes on.
	id, err := s.srv.Verify(ctx, user, password, s.conn.peer.Addr())
	if err != nil {
		if unavailable(err) {
			return reply{}, err
		}
		s.srv.events.LoginFailed(s.who(), mechanism, user, mail.CodeOf(err))
		if s.failures++; s.failures >= maxLoginFailures {
			return reply{}, s.bye("", "too many failed log-ins")
		}
		return reply{}, err
	}
	s.identity = id
	s.srv.events.Login(s.who(), mechanism)
	s.state = authenticated
	s.in.Limit = limitAfterLogin
	s.conn.hardStop = noHardStop
	s.watch()
	// The account may have changed between check and watch.
	s.recheck.Store(true)
	s.conn.wake()
	return reply{code: "CAPABILITY " + s.capabilities(), text: "logged in"}, nil
}
