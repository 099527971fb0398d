package imapd

import (
	"context"
	"strings"

	"postroom/internal/mail"
)

// subscribe   = "SUBSCRIBE" SP mailbox            ; RFC 9051 §6.3.7
// unsubscribe = "UNSUBSCRIBE" SP mailbox          ; RFC 9051 §6.3.8
func runSubscribe(ctx context.Context, s *session, name string) (reply, error) {
	return reply{}, s.srv.Store.Subscribe(ctx, s.identity.Account, strings.TrimSuffix(name, mail.Separator))
}

func runUnsubscribe(ctx context.Context, s *session, name string) (reply, error) {
	return reply{}, s.srv.Store.Unsubscribe(ctx, s.identity.Account, strings.TrimSuffix(name, mail.Separator))
}
