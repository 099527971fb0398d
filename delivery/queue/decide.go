package queue

import (
	"time"

	"postroom/delivery/relay"
	"postroom/internal/mail"
)

// fate is what becomes of one entry, and which DSN tells of it.
type fate struct {
	entry   mail.QueueEntry
	outcome mail.Outcome
	next    time.Time
	reply   mail.RemoteReply
	report  mail.DSNKind // "": none
	expired bool
	unclear bool
}

// decide turns the results of an attempt into fates.
func (w *Worker) decide(m mail.LeasedMessage, results []relay.Result) []fate {
	now := w.cfg.Now()
	out := make([]fate, len(m.Entries))
	for i, e := range m.Entries {
		out[i] = w.fateOf(m.Message, e, results[i], now)
	}
	return out
}

func (w *Worker) fateOf(q mail.QueueMessage, e mail.QueueEntry, r relay.Result, now time.Time) fate {
	f := fate{entry: e, outcome: r.Outcome, reply: r.Reply, unclear: r.Unclear}
	notify := e.Recipient.Notify
	// RFC 3461 §4.1: without NOTIFY failure and delay are reported. Nothing is
	// ever reported to the null reverse-path (RFC 5321 §6.1).
	wants := func(bit mail.Notify, byDefault bool) bool {
		if q.From.IsNull() || notify&mail.NotifyNever != 0 {
			return false
		}
		return notify&bit != 0 || notify == 0 && byDefault
	}
	if f.outcome == mail.OutcomeDeferred && !now.Before(q.ExpiresAt) {
		f.outcome, f.expired = mail.OutcomeFailed, true
	}
	switch f.outcome {
	case mail.OutcomeDelivered:
		// A next hop with DSN reports itself (RFC 3461 §5.2.2).
		if !r.DSN && wants(mail.NotifySuccess, false) {
			f.report = mail.DSNSuccess
		}
	case mail.OutcomeFailed:
		if wants(mail.NotifyFailure, true) {
			f.report = mail.DSNFailure
		}
	case mail.OutcomeDeferred:
		due := q.CreatedAt.Add(w.cfg.DelayAfter)
		tell := e.DelayDSNAt.IsZero() && wants(mail.NotifyDelay, true)
		f.next = w.nextAttempt(q, e, now)
		if tell && !now.Before(due) {
			f.report = mail.DSNDelay
		} else if tell && f.next.After(due) {
			f.next = due // so that the sender hears of it in time
		}
	}
	return f
}

// nextAttempt backs off; the last attempt is at the end of the lifetime.
func (w *Worker) nextAttempt(q mail.QueueMessage, e mail.QueueEntry, now time.Time) time.Time {
	next := now.Add(w.cfg.Retry.after(e.Attempts))
	return earlier(next, q.ExpiresAt)
}
