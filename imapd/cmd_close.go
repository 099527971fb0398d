package imapd

import (
	"context"

	"postroom/internal/mail"
)

// close = "CLOSE"            ; RFC 9051 §6.4.1
//
// It expunges without telling, and leaves the mailbox even when that fails.
func runClose(ctx context.Context, s *session, _ struct{}) (reply, error) {
	sel := s.sel
	defer s.unselect()
	if sel.readOnly {
		return reply{}, nil
	}
	if err := s.numbers(ctx); err != nil {
		return reply{}, err
	}
	if !sel.rights.Has(mail.RightExpunge) { // RFC 4314 §4
		return reply{}, nil
	}
	uids := s.deletedUIDs(nil)
	if len(uids) == 0 {
		return reply{}, nil
	}
	_, err := s.expungeUIDs(ctx, uids)
	return reply{}, err
}
