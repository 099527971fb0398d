package imapd

import (
	"context"
	"strings"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// parseLsub parses
//
//	lsub = "LSUB" SP mailbox SP list-mailbox            ; RFC 3501 §6.3.9
func parseLsub(s *session, d *wire.Decoder) (a listArgs) {
	a.reference = s.pattern(d, d.AString())
	d.SP()
	a.patterns = []string{s.pattern(d, d.ListMailbox())}
	return a
}

func runLsub(ctx context.Context, s *session, a listArgs) (reply, error) {
	tree, err := s.mailboxTree(ctx, mail.RightLookup)
	if err != nil {
		return reply{}, err
	}
	// With "%" a name that is not subscribed itself stands for subscribed ones
	// below it, as \Noselect.
	parents := strings.Contains(a.patterns[0], "%")
	for _, n := range tree.nodes {
		if !n.subscribed && !(parents && n.subscribedBelow) || !n.matches(a.reference, a.patterns) {
			continue
		}
		attribute := ""
		if !n.subscribed {
			attribute = `\Noselect`
		}
		s.enc.Raw("* LSUB (", attribute, `) "/" `).Mailbox(n.name).CRLF()
	}
	return reply{}, nil
}
