package main

import (
	"fmt"
	"strings"
	"time"

	"postroom/internal/admin"
	"postroom/internal/mail"
)

type traceCmd struct {
	ID        string        `arg:"" optional:"" help:"Queue id, as in the log, the 250 reply and the Received field; or a Message-ID."`
	MessageID string        `help:"Messages with this Message-ID." placeholder:"<ID>"`
	Recipient string        `help:"Messages to this address." placeholder:"ADDRESS"`
	Sender    string        `help:"Messages with this reverse-path." placeholder:"ADDRESS"`
	Since     time.Duration `help:"How far back to look." default:"168h"`
	Limit     int           `help:"Show at most this many messages." default:"50"`
}

// tracedMessage is a message with its timeline as JSON.
type tracedMessage struct {
	admin.TraceHit
	Events []admin.Event `json:"events,omitempty"`
}

func (c traceCmd) Run(e *env) error {
	if c.MessageID != "" {
		c.ID = c.MessageID
	}
	if c.ID == "" && c.Recipient == "" && c.Sender == "" {
		err := mail.Errorf(mail.CodeInvalid, "what should be traced?")
		err.Hint = "give a queue id or Message-ID, or --recipient or --sender"
		return err
	}
	a, err := e.admin()
	if err != nil {
		return err
	}
	id := c.ID
	if _, err := mail.ParseTraceID(c.ID); err != nil {
		hits, err := a.FindTraces(e.ctx, admin.TraceArgs{MessageID: c.ID, Recipient: c.Recipient, Sender: c.Sender,
			Since: time.Now().Add(-c.Since), Limit: c.Limit})
		if err != nil {
			return err
		}
		if len(hits) == 0 {
			return c.nothing()
		}
		if len(hits) > 1 {
			return c.list(e, hits)
		}
		id = hits[0].ID
	}
	events, err := a.Trace(e.ctx, id)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return c.nothing()
	}
	return c.print(e, events)
}

func (c traceCmd) nothing() error {
	err := mail.Errorf(mail.CodeNotFound, "no such message in the last %d days", int(c.Since.Hours()/24))
	err.Hint = "look further back with --since, or check the address with: postroom account list, postroom alias list"
	return err
}

func (c traceCmd) print(e *env, events []admin.Event) error {
	first, last := events[0], events[len(events)-1]
	m := tracedMessage{TraceHit: admin.TraceHit{ID: first.ID, FirstAt: first.At, LastAt: last.At, Last: last.Kind, Text: first.Text}, Events: events}
	return e.result([]tracedMessage{m}, func() {
		fmt.Fprintln(e.out, first.ID)
		e.printTimeline(events)
	})
}

func (traceCmd) list(e *env, hits []admin.TraceHit) error {
	return e.result(hits, func() {
		var rows [][]string
		for _, h := range hits {
			rows = append(rows, []string{h.ID, when(h.FirstAt), when(h.LastAt), h.Last, h.Text})
		}
		e.table([]string{"id", "first", "last", "state", "first event"}, rows)
	})
}

// printTimeline prints each event with its time and the time since the first.
func (e *env) printTimeline(events []admin.Event) {
	for _, ev := range events {
		var rest []string
		for _, s := range []string{ev.Recipient, ev.Peer, ev.Text} {
			if s != "" {
				rest = append(rest, oneLine(s))
			}
		}
		fmt.Fprintf(e.out, "  %s  %+9.1f ms  %s%*s  %s\n", ev.At.UTC().Format("15:04:05.000"),
			float64(ev.At.Sub(events[0].At).Microseconds())/1000, e.paint(meaning[ev.Kind], ev.Kind), max(0, 9-len(ev.Kind)), "", strings.Join(rest, "  "))
	}
}
