package queue

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"time"

	"postroom/delivery/dsn"
	"postroom/internal/mail"
)

// settleWait spaces the tries to write an outcome.
const (
	settleWaitFirst = 200 * time.Millisecond
	settleWaitMax   = 10 * time.Second
)

// settle writes the fates of one message's entries and the DSNs that tell of
// them, in one transaction. An outcome that cannot be written is kept and
// tried again, and nothing new is leased meanwhile: a 250 that is forgotten is
// a message sent twice. It gives up only when ctx ends (shutdown); the leases
// then run out.
func (w *Worker) settle(ctx context.Context, m mail.LeasedMessage, fates []fate) {
	// What is known after the deadline still deserves a last try.
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopAt := context.AfterFunc(ctx, func() { time.AfterFunc(settleGrace, cancel) })
	defer stopAt()
	w.log(ctx, m, fates)
	wait := settleWaitFirst
	counted := false
	for len(fates) > 0 {
		again, err := w.settleOnce(wctx, m, fates)
		if err == nil {
			fates = again
			continue
		}
		if !counted {
			counted = true
			w.unsettled.Add(1)
			defer w.unsettled.Add(-1)
		}
		w.cfg.Log.ErrorContext(ctx, "outcome not written yet", "id", m.Message.ID, "error", err)
		select {
		case <-wctx.Done():
			w.cfg.Log.ErrorContext(ctx, "outcome lost: the message may be sent again", "id", m.Message.ID)
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, settleWaitMax)
	}
}

// settleGrace is how long outcomes are still written after the drain deadline.
const settleGrace = 3 * time.Second

// settleOnce gives the fates that must be settled again with a DSN of their
// own, since one they shared a DSN with was lost.
func (w *Worker) settleOnce(ctx context.Context, m mail.LeasedMessage, fates []fate) ([]fate, error) {
	dsns, discard, err := w.reports(ctx, m, fates)
	defer discard()
	if err != nil {
		return nil, err
	}
	settlements := make([]mail.Settlement, len(fates))
	for i, f := range fates {
		settlements[i] = mail.Settlement{Entry: f.entry.ID, Token: m.Token, Outcome: f.outcome, Next: f.next, Reply: f.reply}
	}
	results, err := w.write(ctx, m, settlements, dsns)
	if err != nil {
		return nil, err
	}
	var again []fate
	for i, r := range results {
		switch {
		case mail.Is(r.Err, mail.CodeConflict):
			again = append(again, fates[i])
		case r.Err != nil:
			w.cfg.Log.WarnContext(ctx, "lease lost before the outcome was written", "id", m.Message.ID,
				"recipient", fates[i].entry.Recipient.Address.String())
		}
	}
	if len(again) == len(fates) { // cannot be: a conflict needs a lost lease beside it
		return nil, mail.Errorf(mail.CodeConflict, "nothing was settled")
	}
	return again, nil
}

// write settles with the outcomes of other runs, unless DSNs tell of it.
func (w *Worker) write(ctx context.Context, m mail.LeasedMessage, settlements []mail.Settlement, dsns []mail.QueueDSN) ([]mail.SettleResult, error) {
	if len(dsns) == 0 {
		return w.settler.settle(ctx, settlements)
	}
	results, err := w.cfg.Store.Settle(ctx, settlements, dsns)
	if err != nil && unfilable(err) {
		// The DSN cannot be filed, ever: the outcome must be written all the same.
		w.cfg.Log.ErrorContext(ctx, "DSN dropped", "id", m.Message.ID, "error", err)
		return w.settler.settle(ctx, settlements)
	}
	return results, err
}

// unfilable tells errors that another try does not mend.
func unfilable(err error) bool {
	switch mail.CodeOf(err) {
	case mail.CodeNotFound, mail.CodeNoSuchUser, mail.CodeOverQuota, mail.CodeInvalid, mail.CodeTooBig, mail.CodeAccountDisabled:
		return true
	}
	return false
}

// reports makes one DSN per kind.
func (w *Worker) reports(ctx context.Context, m mail.LeasedMessage, fates []fate) (out []mail.QueueDSN, discard func(), err error) {
	var drop []func()
	discard = func() {
		for _, f := range drop {
			f()
		}
	}
	for _, kind := range []mail.DSNKind{mail.DSNFailure, mail.DSNDelay, mail.DSNSuccess} {
		var told []fate
		var ids []mail.EntryID
		for _, f := range fates {
			if f.report == kind {
				told, ids = append(told, f), append(ids, f.entry.ID)
			}
		}
		if len(told) == 0 {
			continue
		}
		d, free, err := w.report(ctx, m.Message, kind, told)
		if free != nil {
			drop = append(drop, free)
		}
		if err != nil {
			return nil, discard, err
		}
		if d != nil {
			out = append(out, mail.QueueDSN{Kind: kind, Entries: ids, Delivery: d})
		}
	}
	return out, discard, nil
}

func (w *Worker) report(ctx context.Context, q mail.QueueMessage, kind mail.DSNKind, told []fate) (*mail.Delivery, func(), error) {
	r := &dsn.Report{
		Kind: kind, Hostname: w.cfg.Hostname, Date: w.cfg.Now(), To: q.From, Original: q.ID, EnvID: q.EnvID,
		Arrived: q.CreatedAt, RetryUntil: q.ExpiresAt, UTF8: q.UTF8, Body8Bit: q.Body8Bit,
	}
	for _, f := range told {
		r.Recipients = append(r.Recipients, dsn.Recipient{Address: f.entry.Recipient.Address, ORcpt: f.entry.Recipient.ORcpt,
			Reply: f.reply, LastAttempt: w.cfg.Now(), Expired: f.expired})
	}
	octets, err := w.octets(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	defer octets.Close()
	// RET is about failures; other reports return the header only (RFC 3461 §6.2).
	whole := kind == mail.DSNFailure && q.Ret == mail.ReturnFull && q.Size <= w.cfg.MaxReturn
	var head bytes.Buffer
	n := min(int64(len(q.Prefix))+q.HeaderSize, returnHeader)
	if _, err := io.CopyN(&head, octets, n); err != nil && err != io.EOF {
		return nil, nil, mail.Wrap(mail.CodeUnavailable, err, "the message cannot be read now")
	}
	r.Header = bytes.TrimSuffix(head.Bytes(), []byte("\r\n\r\n"))
	if len(r.Header) < head.Len() {
		r.Header = head.Bytes()[:len(r.Header)+2]
	}
	r.MessageID = messageID(r.Header)
	if whole {
		r.Full = io.MultiReader(bytes.NewReader(head.Bytes()), octets)
	}
	return w.cfg.Reports.Report(ctx, r)
}

// returnHeader bounds what is read of a header for a DSN.
const returnHeader = 64 << 10

func (w *Worker) log(ctx context.Context, m mail.LeasedMessage, fates []fate) {
	for _, f := range fates {
		if f.outcome == mail.OutcomeReturned {
			continue
		}
		word := map[mail.Outcome]string{mail.OutcomeDelivered: "delivered", mail.OutcomeDeferred: "deferred", mail.OutcomeFailed: "failed"}[f.outcome]
		attrs := []any{"proto", "queue", "id", m.Message.ID, "from", "<" + m.Message.From.String() + ">", "to", "<" + f.entry.Recipient.Address.String() + ">"}
		if m.Message.Account != 0 {
			attrs = append(attrs, "account", int64(m.Message.Account))
		}
		if f.reply.Remote != "" {
			attrs = append(attrs, "remote", f.reply.Remote)
		}
		attrs = append(attrs, "result", result(f), "text", f.reply.Text)
		if f.outcome == mail.OutcomeDeferred {
			attrs = append(attrs, "next", f.next.UTC())
		}
		w.cfg.Log.InfoContext(ctx, word, attrs...)
	}
}

// result is what internal/maillog calls so: ok, or the reply's code and status.
func result(f fate) string {
	switch {
	case f.outcome == mail.OutcomeDelivered:
		return "ok"
	case f.reply.Code == 0:
		return f.reply.Status
	}
	return strconv.Itoa(f.reply.Code) + " " + f.reply.Status
}
