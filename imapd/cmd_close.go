package imapd

import "context"

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
	uids := s.deletedUIDs(nil)
	if len(uids) == 0 {
		return reply{}, nil
	}
	_, err := s.srv.Store.Expunge(ctx, s.identity.Account, sel.mailbox.ID, &uids)
	return reply{}, err
}
