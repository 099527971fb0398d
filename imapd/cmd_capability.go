package imapd

import "context"

// capability = "CAPABILITY"            ; RFC 9051 §6.1.1
func runCapability(_ context.Context, s *session, _ struct{}) (reply, error) {
	s.enc.Raw("* CAPABILITY ", s.capabilities(), "\r\n")
	return reply{}, nil
}
