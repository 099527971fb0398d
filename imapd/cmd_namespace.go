package imapd

import "context"

// namespace = "NAMESPACE"            ; RFC 9051 §6.3.10, RFC 2342
//
// Other users' mailboxes are there once someone shares one.
func runNamespace(ctx context.Context, s *session, _ struct{}) (reply, error) {
	list, err := s.srv.Store.SharedMailboxes(ctx, s.identity.Account)
	if err != nil {
		return reply{}, err
	}
	others := "NIL"
	if len(list) > 0 {
		others = `(("` + otherUsers + `" "/"))`
	}
	s.enc.Raw(`* NAMESPACE (("" "/")) `, others, " NIL\r\n")
	return reply{}, nil
}
