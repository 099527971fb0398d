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
	own := false
	if s.sel != nil {
		box, _, err := s.srv.Store.MailboxByName(ctx, s.identity.Account, a.name)
		own = err == nil && box.ID == s.sel.mailbox.ID
	}
	if err := s.srv.Store.DeleteMailbox(ctx, s.identity.Account, a.name); err != nil {
		return reply{}, err
	}
	if own { // nothing is selected any more; other sessions end with BYE
		s.unselect()
		s.enc.Raw("* OK [CLOSED] the selected mailbox is deleted\r\n")
	}
	s.tellOldName(`\NonExistent`, a.name, a.given)
	return reply{}, nil
}
