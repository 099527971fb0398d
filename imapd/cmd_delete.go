package imapd

import (
	"context"

	"postroom/internal/mail"
)

// delete = "DELETE" SP mailbox            ; RFC 9051 §6.3.5
func runDelete(ctx context.Context, s *session, name string) (reply, error) {
	if name == mail.Inbox {
		return reply{}, no("CANNOT", "INBOX stays")
	}
	return reply{}, s.srv.Store.DeleteMailbox(ctx, s.identity.Account, name)
}
