package delivery

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"postroom/internal/arf"
	"postroom/internal/bounce"
	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/report"
)

// reportTime bounds what reading a report may take of the time in which the
// peer waits for its 250.
const reportTime = 3 * time.Second

// readReport looks whether mail from outside reports on mail that was sent,
// and writes what it tells to the timeline of that. The mail itself has been
// taken whatever comes of this, and a crash loses the line, never the mail.
func (m *Incoming) readReport(ctx context.Context) {
	feedback := isMultipartReport(m.head)
	if m.s.Role != mail.RoleMX || !m.e.From.IsNull() && !feedback {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	err := m.tieReport(ctx, feedback)
	if err != nil {
		m.d.log.WarnContext(ctx, "a report was not tied to its message", "id", m.trace, "error", err)
	}
}

func isMultipartReport(header []byte) bool {
	v := bytes.ToLower(report.Field(header, "Content-Type"))
	return bytes.HasPrefix(v, []byte("multipart/report"))
}

func (m *Incoming) tieReport(ctx context.Context, feedback bool) error {
	parts, err := message.DecodeParts(m.msg.Summary.Parts)
	if err != nil {
		return err
	}
	src := m.msg.ReaderAt()
	if feedback {
		if r, err := arf.Read(src, parts); r != nil || err != nil {
			return m.tieComplaint(ctx, r, err)
		}
	}
	if !m.e.From.IsNull() { // RFC 3464 §2: a bounce has no reverse-path
		return nil
	}
	r, err := bounce.Read(src, parts)
	if r == nil || err != nil {
		return err
	}
	return m.tieBounce(ctx, r)
}

// tieBounce writes what a bounce says of each recipient to the timeline of the
// message that was sent to it. Only who has seen the message, by its
// Message-ID, makes a recipient suppressed.
func (m *Incoming) tieBounce(ctx context.Context, r *bounce.Report) error {
	all, err := m.d.sentMessages(ctx, r.EnvID, r.Original)
	if err != nil {
		return err
	}
	var events []mail.Event
	var gone []mail.Suppression
	type line struct {
		trace mail.TraceID
		to    mail.Address
	}
	told := map[line]bool{}
	for _, rc := range r.Recipients {
		s, to, final := m.sentTo(all, rc)
		if s == nil || told[line{s.trace, to}] {
			continue
		}
		told[line{s.trace, to}] = true
		e := mail.Event{Trace: s.trace, Kind: eventOf(rc.Kind), At: m.d.cfg.Now(), Account: s.account, Recipient: to.String(),
			Peer: rc.Reply.Remote, Text: fmt.Sprintf("%s: %s (queue id %s)", rc.Kind, replyText(rc.Reply), m.trace)}
		events = append(events, e)
		m.d.log.InfoContext(ctx, string(e.Kind), "proto", "queue", "id", s.trace, "to", "<"+e.Recipient+">", "remote", e.Peer, "text", e.Text)
		if rc.Kind == bounce.Hard && final && s.hasMessageID(r.MessageID) {
			gone = append(gone, mail.Suppression{Address: to, Reason: replyText(rc.Reply), Trace: s.trace})
		}
	}
	if len(events) == 0 {
		return nil
	}
	return m.d.store.RecordReport(ctx, events, gone)
}

// sentTo finds the message that was sent to the recipient of a bounce, by
// somebody whom the bounce reached or, where it was forwarded, by nobody here.
// final tells that the address which failed is the one that we sent to, and not
// one that it leads to elsewhere.
func (m *Incoming) sentTo(all []*sent, rc bounce.Recipient) (s *sent, to mail.Address, final bool) {
	for _, s := range all {
		if !m.reached(s.account) {
			continue
		}
		if to, ok := s.find(rc.Final); ok {
			return s, to, true
		}
		if to, ok := s.find(rc.Address); ok {
			return s, to, false
		}
	}
	return nil, mail.Address{}, false
}

func (m *Incoming) reached(a mail.AccountID) bool {
	if a == 0 {
		return true
	}
	for _, l := range m.route.locals {
		if l.account == a {
			return true
		}
	}
	return false
}

func eventOf(k bounce.Kind) mail.EventKind {
	if k == bounce.Soft || k == bounce.Hard {
		return mail.EventBounced
	}
	return mail.EventReported
}

// replyText quotes a remote server as the timeline does.
func replyText(r mail.RemoteReply) string {
	if r.Status != "" && !strings.Contains(r.Text, r.Status) {
		return strings.TrimSpace(r.Status + " " + r.Text)
	}
	return r.Text
}
