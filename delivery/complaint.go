package delivery

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

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
		if err := m.d.store.RecordReport(ctx, []mail.Event{e}, nil); err != nil {
			return err
		}
		return m.countComplaint(ctx, s, e)
	}
	return nil
}

// manyComplaints is how many complaints about an account within a day
// postmaster is told of, once.
const manyComplaints = 10

func (m *Incoming) countComplaint(ctx context.Context, s *sent, e mail.Event) error {
	n := 0
	if s.account != 0 {
		var err error
		if n, err = m.d.store.Complaints(ctx, s.account, e.At.Add(-24*time.Hour)); err != nil {
			return err
		}
	}
	m.d.log.WarnContext(ctx, "complaint", "proto", "queue", "id", s.trace, "from", "<"+s.sender()+">", "account", int64(s.account),
		"within_a_day", n, "remote", e.Peer, "text", e.Text)
	if n != manyComplaints {
		return nil
	}
	m.d.tellPostmaster(ctx, "notice: complaints", s.account, func(trace mail.TraceID, w io.Writer) error {
		return m.d.notice(w, trace, "People call mail of an account spam", fmt.Sprintf(
			"Providers reported %d messages of %[2]s as spam within a day, the last of them as %[3]s.\r\n\r\n"+
				"Look at one:           postroom trace %[4]s\r\n"+
				"At what it sends:      postroom trace --sender %[2]s\r\n"+
				"If it was stolen:      postroom account password %[2]s\r\n"+
				"Let it send less:      postroom account limits %[2]s --messages-per-day 100\r\n", n, s.sender(), m.trace, s.trace))
	})
	return nil
}

// sender is the reverse-path that the message had.
func (s *sent) sender() string {
	_, from, _ := strings.Cut(s.accepted, "<")
	from, _, _ = strings.Cut(from, ">")
	return from
}

func (s *sent) anyOf(named []mail.Address) string {
	for _, a := range named {
		if to, ok := s.find(a); ok {
			return to.String()
		}
	}
	return ""
}
