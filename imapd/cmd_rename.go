package imapd

import (
	"context"

	"postroom/imapd/wire"
)

type renameArgs struct{ from, to givenName }

// parseRename parses
//
//	rename = "RENAME" SP mailbox SP mailbox            ; RFC 9051 §6.3.6
func parseRename(s *session, d *wire.Decoder) (a renameArgs) {
	a.from = s.givenName(d)
	d.SP()
	a.to = s.givenName(d).trimmed()
	return a
}

func runRename(ctx context.Context, s *session, a renameArgs) (reply, error) {
	account, from, to := s.identity.Account, a.from.name, a.to.name
	if isOther(from) || isOther(to) {
		var err error
		if account, from, to, ctx, err = s.renameOther(ctx, from, to); err != nil {
			return reply{}, err
		}
	}
	err := s.srv.Store.RenameMailbox(ctx, account, from, to)
	if err == nil && (a.from.given != a.from.name || a.to.given != a.to.name) {
		s.tellOldName("", a.to.name, a.from.given)
	}
	return reply{}, err
}
