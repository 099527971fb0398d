package delivery

import (
	"context"
	"fmt"

	"postroom/internal/arf"
	"postroom/internal/mail"
)

// tieComplaint writes a feedback report (RFC 5965) to the timeline of the
// message that it returns, once it shows the Message-ID that the message had.
// Whom it was sent to is often masked, so the recipient is told only where it
// is known.
func (m *Incoming) tieComplaint(ctx context.Context, r *arf.Report, err error) error {
	if err != nil {
		return err
	}
	all, err := m.d.sentMessages(ctx, r.EnvID, r.Original)
	if err != nil {
		return err
	}
	for _, s := range all {
		if !s.hasMessageID(r.MessageID) {
			continue
		}
		e := mail.Event{Trace: s.trace, Kind: mail.EventComplaint, At: m.d.cfg.Now(), Account: s.account, Recipient: s.anyOf(r.Recipients),
			Peer: m.peer(), Text: fmt.Sprintf("%s, by %s (queue id %s)", r.Type, r.UserAgent, m.trace)}
		m.d.log.WarnContext(ctx, "complaint", "proto", "queue", "id", s.trace, "account", int64(s.account), "type", r.Type, "remote", e.Peer)
		return m.d.store.RecordReport(ctx, []mail.Event{e}, nil)
	}
	return nil
}

func (s *sent) anyOf(named []mail.Address) string {
	for _, a := range named {
		if to, ok := s.find(a); ok {
			return to.String()
		}
	}
	return ""
}
