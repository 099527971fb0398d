package imapd

import "context"

// unselect = "UNSELECT"            ; RFC 9051 §6.4.2, RFC 3691
func runUnselect(_ context.Context, s *session, _ struct{}) (reply, error) {
	s.unselect()
	return reply{}, nil
}
