package imapd

import "context"

// logout = "LOGOUT"            ; RFC 9051 §6.1.3
func runLogout(_ context.Context, s *session, _ struct{}) (reply, error) {
	s.unselect()
	s.enc.Raw("* BYE logging out\r\n")
	s.state = loggedOut
	return reply{}, nil
}
