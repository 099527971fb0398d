package main

import (
	"fmt"
	"time"

	"postroom/delivery/queue"
	"postroom/internal/admin"
)

type queueCmd struct {
	List    queueListCmd    `cmd:"" help:"List mail on its way out."`
	Show    queueShowCmd    `cmd:"" help:"Show a message's entries and its timeline."`
	Retry   queueRetryCmd   `cmd:"" help:"Try now."`
	Hold    queueHoldCmd    `cmd:"" help:"Keep from being tried."`
	Release queueReleaseCmd `cmd:"" help:"Let held mail go."`
	Delete  queueDeleteCmd  `cmd:"" help:"Delete; senders are not told."`
}

// queueSelect says which entries.
type queueSelect struct {
	ID        string `arg:"" optional:"" help:"Queue id of a message."`
	Entry     int64  `help:"One recipient's entry." placeholder:"NUMBER"`
	To        string `help:"Entries to this destination domain." placeholder:"DOMAIN"`
	Recipient string `help:"Entries to this address." placeholder:"ADDRESS"`
	Sender    string `help:"Entries with this reverse-path; <> for DSNs." placeholder:"ADDRESS"`
	State     string `help:"ready, leased or held."`
	All       bool   `help:"All entries."`
}

func (q queueSelect) selects() admin.QueueSelect {
	return admin.QueueSelect{ID: q.ID, Entry: q.Entry, Domain: q.To, Recipient: q.Recipient, Sender: q.Sender, State: q.State, All: q.All}
}

type queueListCmd struct {
	queueSelect
	Limit int `help:"At most this many; 0: all." default:"1000"`
}

func (c queueListCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	items, err := a.Queue(e.ctx, c.selects(), c.Limit)
	if err != nil {
		return err
	}
	e.warnBlocked()
	return e.result(orEmpty(items), func() {
		e.table([]string{"id", "from", "to", "state", "tries", "next", "size", "last reply"}, queueRows(items))
	})
}

// warnBlocked says on stderr that a provider seems to drop outgoing mail.
func (e *env) warnBlocked() {
	s, err := e.store()
	if err != nil {
		return
	}
	var b queue.Blocked
	if ok, err := s.Setting(e.ctx, queue.SettingBlocked, &b); err == nil && ok && !b.Since.IsZero() {
		fmt.Fprintf(e.err, "postroom: warning: %s (since %s)\n", queue.BlockedText, when(b.Since))
	}
}

func queueRows(items []admin.QueueItem) [][]string {
	var rows [][]string
	for _, q := range items {
		state, next := q.State, "-"
		if q.AwaitsReview {
			state = "review"
		}
		if q.NextAttempt != nil {
			next = when(*q.NextAttempt)
		}
		rows = append(rows, []string{q.ID, q.From, q.Recipient, state, fmt.Sprint(q.Attempts), next, octets(q.SizeBytes), orDash(q.LastReply)})
	}
	return rows
}

type queueShowCmd struct {
	ID string `arg:"" help:"Queue id of a message."`
}

func (c queueShowCmd) Run(e *env) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	items, err := a.Queue(e.ctx, admin.QueueSelect{ID: c.ID}, 0)
	if err != nil {
		return err
	}
	events, err := a.Trace(e.ctx, c.ID)
	if err != nil {
		return err
	}
	shown := map[string]any{"entries": orEmpty(items), "events": orEmpty(events)}
	return e.result(shown, func() {
		e.table([]string{"id", "from", "to", "state", "tries", "next", "size", "last reply"}, queueRows(items))
		e.say("")
		e.printTimeline(events)
	})
}

// onQueue does one action on the selected entries and tells how many.
func (e *env) onQueue(done string, act func(*admin.Admin) (admin.QueueChange, error)) error {
	a, err := e.admin()
	if err != nil {
		return err
	}
	began := time.Now()
	var change admin.QueueChange
	err = e.working("changing the queue", func() (err error) {
		change, err = act(a)
		return err
	})
	if err != nil {
		return err
	}
	return e.result(change, func() {
		e.say("%s %s (%.1f s).", plural(int64(change.Changed), "entry"), done, time.Since(began).Seconds())
		if change.Busy > 0 {
			e.say("%d left alone: a worker is just delivering them.", change.Busy)
		}
	})
}

type queueRetryCmd struct{ queueSelect }

func (c queueRetryCmd) Run(e *env) error {
	return e.onQueue("due now", func(a *admin.Admin) (admin.QueueChange, error) { return a.QueueRetry(e.ctx, c.selects()) })
}

type queueHoldCmd struct{ queueSelect }

func (c queueHoldCmd) Run(e *env) error {
	return e.onQueue("held", func(a *admin.Admin) (admin.QueueChange, error) { return a.QueueHold(e.ctx, c.selects()) })
}

type queueReleaseCmd struct{ queueSelect }

func (c queueReleaseCmd) Run(e *env) error {
	return e.onQueue("released", func(a *admin.Admin) (admin.QueueChange, error) { return a.QueueRelease(e.ctx, c.selects()) })
}

type queueDeleteCmd struct {
	queueSelect
	Yes bool `short:"y" help:"Do not ask."`
}

func (c queueDeleteCmd) Run(e *env) error {
	if err := e.confirm(c.Yes, "Delete this mail? Its senders are not told."); err != nil {
		return err
	}
	return e.onQueue("deleted", func(a *admin.Admin) (admin.QueueChange, error) { return a.QueueDelete(e.ctx, c.selects()) })
}
