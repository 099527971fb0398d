package admin

import (
	"context"
	"strconv"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// QueueItem is a queue entry as it is shown.
type QueueItem struct {
	ID          string     `json:"id"`    // queue id of the message
	Entry       int64      `json:"entry"` // of this recipient
	From        string     `json:"from"`  // "<>" for DSNs
	Recipient   string     `json:"recipient"`
	Domain      string     `json:"domain"` // destination, U-labels
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	NextAttempt *time.Time `json:"next_attempt_at,omitempty"` // when ready
	LastAttempt *time.Time `json:"last_attempt_at,omitempty"`
	LastReply   string     `json:"last_reply,omitempty"`
	LastRemote  string     `json:"last_remote,omitempty"`
	SizeBytes   int64      `json:"size_bytes"`
	QueuedAt    time.Time  `json:"queued_at"`
	ExpiresAt   time.Time  `json:"expires_at"`
	// AwaitsReview: held by after-restore; it may have been sent before.
	AwaitsReview bool `json:"awaits_review,omitempty"`
}

func showItem(q mail.QueueItem) QueueItem {
	e := q.Entry
	out := QueueItem{ID: e.Message.String(), Entry: int64(e.ID), From: "<>", Recipient: address.Display(e.Recipient.Address),
		Domain: address.DisplayDomain(e.Domain), State: string(e.State), Attempts: e.Attempts,
		LastAttempt: at(e.LastAttempt), LastReply: reply(e.Last), LastRemote: e.Last.Remote,
		SizeBytes: q.Size, QueuedAt: q.CreatedAt, ExpiresAt: q.ExpiresAt, AwaitsReview: q.AwaitsReview}
	if !q.From.IsNull() {
		out.From = address.Display(q.From)
	}
	if e.State == mail.QueueReady {
		out.NextAttempt = at(e.NextAttempt)
	}
	return out
}

// reply writes an SMTP reply as it was said; a code of 0 is our own finding.
func reply(r mail.RemoteReply) string {
	s := strings.TrimSpace(r.Status + " " + r.Text)
	if r.Code != 0 {
		s = strings.TrimSpace(strconv.Itoa(r.Code) + " " + s)
	}
	return s
}

// QueueSelect selects queue entries; what is set must all fit.
type QueueSelect struct {
	ID        string // queue id of a message
	Entry     int64
	Domain    string // destination
	Recipient string
	Sender    string // "<>" for DSNs
	State     string // ready, leased or held
	// All must be set to change entries when nothing else is.
	All bool
}

func (q QueueSelect) filter() (f mail.QueueFilter, err error) {
	f.Entry = mail.EntryID(q.Entry)
	if q.ID != "" {
		if f.Message, err = traceID(q.ID); err != nil {
			return f, err
		}
	}
	if q.Domain != "" {
		if f.Domain, err = domainName(q.Domain); err != nil {
			return f, err
		}
	}
	for _, x := range []struct {
		text string
		to   *string
	}{{q.Recipient, &f.Recipient}, {q.Sender, &f.Sender}} {
		if x.text == "" || x.text == "<>" {
			*x.to = x.text
			continue
		}
		m, err := mailAddress(x.text)
		if err != nil {
			return f, err
		}
		*x.to = m.String()
	}
	switch f.State = mail.QueueState(q.State); f.State {
	case "", mail.QueueReady, mail.QueueLeased, mail.QueueHeld:
		return f, nil
	}
	return f, mail.Errorf(mail.CodeInvalid, "the state of a queue entry is ready, leased or held")
}

func traceID(s string) (mail.TraceID, error) {
	id, err := mail.ParseTraceID(strings.TrimSpace(s))
	if err != nil || id == 0 {
		return 0, &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no queue id", Err: err,
			Hint: "a queue id has 13 characters, as in the 250 reply, the Received field and the log"}
	}
	return id, nil
}

// Queue lists the selected entries, all when nothing is selected: at most
// limit (0: all).
func (a *Admin) Queue(ctx context.Context, q QueueSelect, limit int) ([]QueueItem, error) {
	f, err := q.filter()
	if err != nil {
		return nil, err
	}
	out := []QueueItem{}
	f.Limit = 1000
	for {
		page, err := a.Store.QueueList(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, item := range page {
			out = append(out, showItem(item))
			if len(out) == limit {
				return out, nil
			}
		}
		if len(page) < f.Limit {
			return out, nil
		}
		f.After = page[len(page)-1].Entry.ID
	}
}

// QueueStats counts the queue as it is shown.
type QueueStats struct {
	Messages     int64      `json:"messages"`
	Ready        int64      `json:"ready"`
	Leased       int64      `json:"leased"`
	Held         int64      `json:"held"`
	AwaitsReview int64      `json:"awaits_review"`
	OldestAt     *time.Time `json:"oldest_at,omitempty"`
}

// QueueStats counts the queue by state.
func (a *Admin) QueueStats(ctx context.Context) (QueueStats, error) {
	q, err := a.Store.QueueStats(ctx)
	return QueueStats{q.Messages, q.Ready, q.Leased, q.Held, q.AwaitsReview, at(q.OldestAt)}, err
}

// QueueChange tells what an action on the queue did.
type QueueChange struct {
	Changed int `json:"changed"`
	// Busy entries were left alone: a worker is just delivering them.
	Busy int `json:"busy"`
}

// QueueRetry makes the selected entries due now, held ones too.
func (a *Admin) QueueRetry(ctx context.Context, q QueueSelect) (QueueChange, error) {
	return a.queueAct(ctx, q, a.Store.QueueRetry)
}

// QueueRelease makes the selected held entries due now.
func (a *Admin) QueueRelease(ctx context.Context, q QueueSelect) (QueueChange, error) {
	return a.queueAct(ctx, q, a.Store.QueueRelease)
}

// QueueHold keeps the selected entries from being tried.
func (a *Admin) QueueHold(ctx context.Context, q QueueSelect) (QueueChange, error) {
	return a.queueAct(ctx, q, a.Store.QueueHold)
}

// QueueDelete removes the selected entries; their senders are not told.
func (a *Admin) QueueDelete(ctx context.Context, q QueueSelect) (QueueChange, error) {
	return a.queueAct(ctx, q, a.Store.QueueDelete)
}

func (a *Admin) queueAct(ctx context.Context, q QueueSelect,
	act func(context.Context, mail.Actor, mail.QueueFilter) (int, int, error)) (QueueChange, error) {
	f, err := q.filter()
	if err != nil {
		return QueueChange{}, err
	}
	if f == (mail.QueueFilter{}) && !q.All {
		return QueueChange{}, &mail.Error{Code: mail.CodeInvalid, Text: "nothing is selected",
			Hint: "name a queue id, --domain, --recipient or --sender, or say --all"}
	}
	changed, busy, err := act(ctx, a.Actor, f)
	if err == nil && changed+busy == 0 && f.Message != 0 {
		return QueueChange{}, &mail.Error{Code: mail.CodeNotFound, Text: "nothing to do for " + q.ID + " in the queue",
			Hint: "postroom trace " + q.ID + " tells what became of it"}
	}
	return QueueChange{changed, busy}, err
}

// RestoreResult tells what AfterRestore did.
type RestoreResult struct {
	Mailboxes int64 `json:"mailboxes"`  // that got a new UIDVALIDITY
	QueueHeld int64 `json:"queue_held"` // entries that wait for review
}

// AfterRestore makes a restored dump safe to serve.
func (a *Admin) AfterRestore(ctx context.Context) (RestoreResult, error) {
	mailboxes, held, err := a.Store.AfterRestore(ctx, a.Actor)
	return RestoreResult{mailboxes, held}, err
}
