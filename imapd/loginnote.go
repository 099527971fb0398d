package imapd

import (
	"crypto/tls"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/maillog"
)

// earlyCommands are what clients send between logging in and telling their
// name by ID.
var earlyCommands = map[string]bool{"CAPABILITY": true, "NAMESPACE": true, "ENABLE": true, "NOOP": true, "ID": true}

// noteSoon has the log-in noted, with the client's name: most tell it only
// after the log-in. So it waits for ID, for the first command of another kind,
// or for the end.
func (s *session) noteSoon(mechanism string) {
	s.login = &mail.Login{Account: s.identity.Account, Credential: s.identity.Credential, Mechanism: mechanism}
}

func (s *session) noteBefore(command string) {
	if !earlyCommands[command] {
		s.note()
	}
}

// note notes the log-in that waits.
func (s *session) note() {
	if s.login != nil {
		s.addToHistory(*s.login)
		s.login = nil
	}
}

// noteFailure notes a refused log-in of what may be an account.
func (s *session) noteFailure(mechanism, login string, err error) {
	if addr, bad := address.Parse(login); bad == nil {
		s.addToHistory(mail.Login{Address: addr, Mechanism: mechanism, Reason: maillog.Reason(mail.CodeOf(err))})
	}
}

func (s *session) addToHistory(l mail.Login) {
	l.Peer, l.Protocol, l.Client = s.conn.peer.Addr(), "imap", s.client
	if t := s.saslConn().TLS; t != nil {
		l.TLS = tls.VersionName(t.Version)
	}
	if s.srv.NoteLogin != nil {
		s.srv.NoteLogin(l)
	}
}
