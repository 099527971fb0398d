package imapd

import "context"

// namespace = "NAMESPACE"            ; RFC 9051 §6.3.10, RFC 2342
func runNamespace(_ context.Context, s *session, _ struct{}) (reply, error) {
	s.enc.Raw(`* NAMESPACE (("" "/")) NIL NIL`, "\r\n")
	return reply{}, nil
}
