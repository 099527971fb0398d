package admin

import (
	"context"
	"time"

	"postroom/internal/mail"
)

// Event is one line of a message's timeline as it is shown.
type Event struct {
	ID        string    `json:"id"` // queue id
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Recipient string    `json:"recipient,omitempty"`
	Peer      string    `json:"peer,omitempty"`
	Text      string    `json:"text,omitempty"`
}

// Trace gives the timeline of a message.
func (a *Admin) Trace(ctx context.Context, id string) ([]Event, error) {
	trace, err := traceID(id)
	if err != nil {
		return nil, err
	}
	events, err := a.Store.Timeline(ctx, trace)
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = Event{ID: e.Trace.String(), At: e.At, Kind: string(e.Kind), Recipient: e.Recipient, Peer: e.Peer, Text: e.Text}
	}
	return out, nil
}

// TraceArgs searches for messages; what is set must all fit.
type TraceArgs struct {
	Recipient string
	Sender    string
	MessageID string
	Since     time.Time // zero: three days ago
	Until     time.Time // zero: now
	Limit     int       // 0: 100
}

// TraceHit is one message found.
type TraceHit struct {
	ID      string    `json:"id"` // queue id
	FirstAt time.Time `json:"first_at"`
	LastAt  time.Time `json:"last_at"`
	Last    string    `json:"last"` // kind of the last event
	Text    string    `json:"text"` // of the first event
}

// traceDays is how far back a search goes when it is not told.
const traceDays = 3

// FindTraces finds messages, newest first.
func (a *Admin) FindTraces(ctx context.Context, args TraceArgs) ([]TraceHit, error) {
	q := mail.TraceQuery{MessageID: args.MessageID, Since: args.Since, Until: args.Until, Limit: args.Limit}
	if q.Since.IsZero() {
		q.Since = a.Now().AddDate(0, 0, -traceDays)
	}
	for _, x := range []struct {
		text string
		to   *string
	}{{args.Recipient, &q.Recipient}, {args.Sender, &q.Sender}} {
		if x.text == "" || x.text == "<>" {
			*x.to = x.text
			continue
		}
		m, err := mailAddress(x.text)
		if err != nil {
			return nil, err
		}
		*x.to = m.String()
	}
	hits, err := a.Store.FindTraces(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]TraceHit, len(hits))
	for i, h := range hits {
		out[i] = TraceHit{h.Trace.String(), h.FirstAt, h.LastAt, string(h.Last), h.Text}
	}
	return out, nil
}
