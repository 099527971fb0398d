package delivery

import (
	"context"
	"fmt"
	"slices"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// checkForwards judges, at RCPT, an alias that leads outside: who submits is
// told of any address there that does not exist, as if he had named it himself;
// who sends from outside only when nobody is left to get the message.
func (d *Delivery) checkForwards(ctx context.Context, s *mail.Session, e *mail.Envelope, r mail.Recipient, res mail.Resolution) error {
	if res.Kind == mail.ResolvedNotOurs || len(res.Remote) == 0 || e.From.IsNull() {
		return nil
	}
	gone, err := d.store.Suppressed(ctx, res.Remote)
	switch {
	case err != nil || len(gone) == 0:
		return err
	case mayRelay(s):
		return d.refusal(ctx, s, e, mail.TraceID(d.store.NewID()), r.Address.String(), suppressed(gone[0].Address, &gone[0]))
	case len(res.Accounts) == 0 && len(gone) == len(res.Remote):
		return leadsNowhere(r.Address)
	}
	return nil
}

func leadsNowhere(a mail.Address) error {
	return mail.Errorf(mail.CodeSuppressed, "%s leads to addresses that were found not to exist", address.Display(a))
}

// dropSuppressed takes suppressed addresses out of where a message is
// forwarded, and gives what its timeline says of them. It decides what
// checkForwards only foresees. Bounces go on wherever they lead.
func (d *Delivery) dropSuppressed(ctx context.Context, s *mail.Session, e *mail.Envelope, r *route) (dropped []mail.Event, err error) {
	if len(r.forwards) == 0 || e.From.IsNull() {
		return nil, nil
	}
	to := make([]mail.Address, len(r.relay))
	for i, x := range r.relay {
		to[i] = x.Address
	}
	gone, err := d.store.Suppressed(ctx, to)
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	if mayRelay(s) {
		return nil, d.refusal(ctx, s, e, mail.TraceID(d.store.NewID()), "", suppressed(gone[0].Address, &gone[0]))
	}
	for _, x := range gone {
		r.relay = slices.DeleteFunc(r.relay, func(have mail.Recipient) bool { return address.Same(have.Address, x.Address) })
		dropped = append(dropped, mail.Event{Kind: mail.EventRefused, Recipient: x.Address.String(),
			Text: fmt.Sprintf("not forwarded until %s: %s", x.ExpiresAt.UTC().Format("2 Jan 2006"), x.Reason)})
	}
	if len(r.relay) == 0 && len(r.locals) == 0 {
		return nil, leadsNowhere(r.forwards[0])
	}
	return dropped, nil
}
