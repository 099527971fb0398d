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
	account, name := s.identity.Account, a.name
	own := false
	if s.sel != nil || isOther(a.name) {
		p, err := s.placeWith(ctx, a.name, mail.RightRemove)
		if err != nil && isOther(a.name) {
			return reply{}, err
		}
		if err == nil {
			account, name = p.box.Account, p.name
			ctx = s.guard(ctx, p, mail.RightRemove)
			own = s.sel != nil && p.box.ID == s.sel.mailbox.ID
		}
	}
	if err := s.srv.Store.DeleteMailbox(ctx, account, name); err != nil {
		return reply{}, err
	}
	if own { // nothing is selected any more; other sessions end with BYE
		s.unselect()
		s.enc.Raw("* OK [CLOSED] the selected mailbox is deleted\r\n")
	}
	s.tellOldName(`\NonExistent`, a.name, a.given)
	return reply{}, nil
}
