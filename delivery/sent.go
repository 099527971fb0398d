package delivery

import (
	"context"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/report"
)

const (
	// reportsFor is how old a message may be that a report is tied to.
	reportsFor = 30 * 24 * time.Hour
	// messageIDMark stands before the Message-ID, the last thing that the
	// accepted event of a message that leaves says.
	messageIDMark = ", message-id "
	maxMessageID  = 255
)

// sent is a message that a report may be about, as its timeline knows it.
type sent struct {
	trace      mail.TraceID
	account    mail.AccountID // 0: forwarded
	accepted   string         // text of the event
	recipients []mail.Address // that left
}

// leaving is what the accepted event says of mail that leaves: the reverse-path
// that next hops see, and the Message-ID, by which bounces are told from
// forged ones.
func (m *Incoming) leaving(as mail.Address) string {
	text := ""
	if as != m.e.From {
		text = ", forwarded as <" + as.String() + ">"
	}
	if id := m.msg.Summary.MessageID; id != "" && len(id) <= maxMessageID {
		text += messageIDMark + id
	}
	return text
}

// hasMessageID tells whether a report that names this Message-ID has seen the
// message: queue ids can be guessed, it cannot.
func (s *sent) hasMessageID(id string) bool {
	return id != "" && strings.HasSuffix(s.accepted, messageIDMark+id)
}

// find gives the recipient as we sent to it.
func (s *sent) find(a mail.Address) (mail.Address, bool) {
	for _, r := range s.recipients {
		if address.Same(r, a) {
			return r, true
		}
	}
	return mail.Address{}, false
}

// sentMessages gives the messages that a report may be about, the likeliest
// first: by the ENVID, the Message-ID if it is one that we made, and the
// Received fields of what was returned.
func (d *Delivery) sentMessages(ctx context.Context, envID string, o report.Original) ([]*sent, error) {
	var traces []mail.TraceID
	if id, err := mail.ParseTraceID(envID); err == nil {
		traces = append(traces, id)
	}
	if id, err := mail.ParseTraceID(ownID(o.MessageID)); err == nil {
		traces = append(traces, id)
	}
	traces = append(traces, o.Traces...)
	if len(traces) == 0 {
		return nil, nil
	}
	events, err := d.store.SentEvents(ctx, traces, d.cfg.Now().Add(-reportsFor))
	if err != nil {
		return nil, err
	}
	by := map[mail.TraceID]*sent{}
	for _, e := range events {
		s := by[e.Trace]
		if s == nil {
			s = &sent{trace: e.Trace}
			by[e.Trace] = s
		}
		s.add(e)
	}
	var out []*sent
	for _, id := range traces {
		if s := by[id]; s != nil && len(s.recipients) > 0 {
			out = append(out, s)
			delete(by, id)
		}
	}
	return out, nil
}

func (s *sent) add(e mail.Event) {
	if e.Kind == mail.EventAccepted {
		s.account, s.accepted = e.Account, e.Text
	} else if a, err := address.ParseLiteralOK(e.Recipient); err == nil {
		s.recipients = append(s.recipients, a)
	}
}

// ownID gives the queue id in a Message-ID that submission made (submit.go).
func ownID(messageID string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(messageID, "<"), ".")
	return id
}
