package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type renameArgs struct{ from, to string }

// parseRename parses
//
//	rename = "RENAME" SP mailbox SP mailbox            ; RFC 9051 §6.3.6
func parseRename(s *session, d *wire.Decoder) (a renameArgs) {
	a.from = s.mailboxName(d)
	d.SP()
	a.to = s.mailboxName(d)
	return a
}

func runRename(ctx context.Context, s *session, a renameArgs) (reply, error) {
	return reply{}, s.srv.Store.RenameMailbox(ctx, s.identity.Account, a.from, strings.TrimSuffix(a.to, mail.Separator))
}
