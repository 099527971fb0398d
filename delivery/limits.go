package delivery

import (
	"context"
	"fmt"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// sending is what the limits make of one submission.
type sending struct {
	count      *mail.Sending // nil: no submission
	wait, step time.Duration // of its queue entries, when paced
	why        string        // why its queue entries wait or are held
	held       bool
}

// checkSubmission judges one recipient of a submission at RCPT: not one too
// many, and not one whose own server said that it does not exist.
func (d *Delivery) checkSubmission(ctx context.Context, s *mail.Session, e *mail.Envelope, r mail.Recipient, ours bool) error {
	most, gone, err := d.store.SubmissionRecipient(ctx, s.Account, r.Address)
	if err != nil {
		return err
	}
	n := 1
	for _, have := range e.Recipients {
		if have.Address != r.Address {
			n++
		}
	}
	switch {
	case gone != nil && !ours:
		err = suppressed(r.Address, gone)
	case most > 0 && n > most && !d.lifted(s):
		err = tooManyRecipients(most)
	default:
		return nil
	}
	return d.refusal(ctx, s, e, mail.TraceID(d.store.NewID()), r.Address.String(), err)
}

func suppressed(a mail.Address, x *mail.Suppression) error {
	if x == nil {
		return mail.Errorf(mail.CodeSuppressed, "%s was found not to exist; an administrator can lift this", address.Display(a))
	}
	return mail.Errorf(mail.CodeSuppressed, "%s is not written to until %s: %s; an administrator can lift this",
		address.Display(a), x.ExpiresAt.UTC().Format("2 Jan 2006"), x.Reason)
}

// tooManyRecipients is RFC 5321 §4.5.3.1.10: a client may send to the others in
// a message of their own.
func tooManyRecipients(most int) error {
	return mail.Errorf(mail.CodeTooMany, "a message of this account may have %d recipients", most)
}

// judgeSending looks, before the octets come, whether the account may send this
// now, and how it goes out.
func (d *Delivery) judgeSending(ctx context.Context, m *Incoming) (sending, error) {
	to := make([]mail.Address, len(m.e.Recipients))
	for i, r := range m.e.Recipients {
		to[i] = r.Address
	}
	st, err := d.store.SendState(ctx, m.s.Account, to)
	if err != nil {
		return sending{}, err
	}
	out := sending{count: &mail.Sending{Account: m.s.Account, Recipients: to}}
	if err := m.suppressed(st.Suppressed); err != nil {
		return out, d.refusal(ctx, m.s, m.e, m.trace, "", err)
	}
	if d.lifted(m.s) {
		return out, nil
	}
	if most := st.Limits.RecipientsPerMessage; most > 0 && len(to) > most {
		return out, d.refusal(ctx, m.s, m.e, m.trace, "", tooManyRecipients(most))
	}
	if out.why, err = d.heldFor(ctx, m.s, st); err != nil {
		return out, err
	}
	out.held = out.why != ""
	hour, day := plus(st.Hour, len(to), st.New), plus(st.Day, len(to), st.New)
	passed := st.Limits.Passed(hour, day)
	if st.Limits.Pacing {
		if (passed != "" || st.PacedFor > 0) && len(m.route.relay) > 0 && !out.held {
			err = d.pace(m, &out, st.PacedFor, st.Limits.Takes(hour, day, len(to), st.New), passed)
		}
		return out, err
	}
	if passed != "" {
		return out, d.refusal(ctx, m.s, m.e, m.trace, "", mail.Errorf(mail.CodeSendLimit, "%s, try again later", passed))
	}
	out.count.Limits = st.Limits
	return out, nil
}

// pace gives the queue entries of a message places behind those of the
// account's that wait already.
func (d *Delivery) pace(m *Incoming, out *sending, stored, takes time.Duration, passed string) error {
	free, ok := d.pacer.place(m.s.Account, m.at, stored, takes)
	if !ok {
		return d.refusal(m.ctx, m.s, m.e, m.trace, "",
			mail.Errorf(mail.CodeSendLimit, "paced mail of the account fills a day already, try again later"))
	}
	if passed == "" {
		passed = "behind mail that is"
	}
	out.step = takes / time.Duration(len(m.route.relay))
	out.wait, out.why = free+out.step, "paced: "+passed
	return nil
}

// suppressed refuses recipients that leave; what is ours is known better here.
func (m *Incoming) suppressed(keys []mail.Address) error {
	for _, gone := range keys {
		for _, r := range m.route.relay {
			if address.Same(r.Address, gone) {
				return suppressed(r.Address, nil)
			}
		}
	}
	return nil
}

func plus(s mail.Sent, recipients, fresh int) mail.Sent {
	return mail.Sent{Messages: s.Messages + 1, Recipients: s.Recipients + recipients, NewRecipients: s.NewRecipients + fresh, Failures: s.Failures}
}

// lifted tells peers that no limit holds for: benches.
func (d *Delivery) lifted(s *mail.Session) bool {
	return d.cfg.NoLimits != nil && d.cfg.NoLimits(s.Peer.Addr())
}

// refusal writes the timeline of a message that was not taken, and gives err.
func (d *Delivery) refusal(ctx context.Context, s *mail.Session, e *mail.Envelope, trace mail.TraceID, rcpt string, err error) error {
	ev := mail.Event{Trace: trace, At: d.cfg.Now(), Kind: mail.EventRefused, Account: s.Account, Recipient: rcpt, Peer: peerOf(s),
		Text: fmt.Sprintf("from <%s>: %s", e.From, mail.TextOf(err))}
	if failed := d.store.RecordEvents(ctx, []mail.Event{ev}); failed != nil {
		d.log.WarnContext(ctx, "refusal not written to the timeline", "id", trace, "error", failed)
	}
	return err
}

func peerOf(s *mail.Session) string {
	if !s.Peer.IsValid() {
		return ""
	}
	return s.Peer.Addr().Unmap().String()
}
