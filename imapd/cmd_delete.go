package imapd

import (
	"context"

	"postroom/internal/mail"
)

// delete = "DELETE" SP mailbox            ; RFC 9051 §6.3.5
func runDelete(ctx context.Context, s *session, a givenName) (reply, error) {
	if a.name == mail.Inbox {
		return reply{}, no("CANNOT", "INBOX stays")
	}
	if err := s.srv.Store.DeleteMailbox(ctx, s.identity.Account, a.name); err != nil {
		return reply{}, err
	}
	s.tellOldName(`\NonExistent`, a.name, a.given)
	return reply{}, nil
}
