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
		return reply{}, no("PRIVACYREQUIRED", "log-ins are taken over TLS only")
	}
	heard := s.heard()
	// The check may be slowed by throttling; the time to log in goes on.
	id, err := s.srv.Auth.Password(ctx, a.user, a.password, s.conn.peer.Addr())
	if err != nil {
		s.loginFailed("LOGIN", a.user, err)
		return reply{}, s.guessed(err)
	}
	return s.enter(ctx, "LOGIN", id, heard), nil
}

// loginFailed logs a refused log-in and counts it, unless it is our failure.
func (s *session) loginFailed(mechanism, login string, err error) {
	s.srv.events.LoginFailed(s.who(), mechanism, login, mail.CodeOf(err))
	if unavailable(err) {
		return
	}
	s.noteFailure(mechanism, login, err)
	s.failures++
}

// guessed gives the reply to a failed log-in, which ends who guesses.
func (s *session) guessed(err error) error {
	if s.failures >= maxLoginFailures && !fatal(err) {
		return s.bye("", "too many failed log-ins")
	}
	return err
}

// enter ends the log-in and begins with the account; before is what was heard
// when the check began.
func (s *session) enter(ctx context.Context, mechanism string, id Identity, before heard) reply {
	s.identity = id
	s.srv.events.Login(s.who(), mechanism, id.NewNetwork)
	s.noteSoon(mechanism)
	s.state = authenticated
	s.in.Limit = limitAfterLogin
	s.conn.hardStop = noHardStop
	s.leaveOut(id.IMAPWithout)
	s.watch()
	// The account may have changed between check and watch.
	if s.heard().missedAccount(before) {
		if err := s.lookAtAccount(ctx); err != nil {
			s.recheck.Store(true)
			s.conn.wake()
		}
	}
	return reply{code: "CAPABILITY " + s.capabilities(), text: "logged in"}
}
