package delivery

import (
	"context"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// CheckSender judges the reverse-path at MAIL: from outside any will do; an
// account uses its own addresses and aliases. The null reverse-path is for
// everybody, since mail programs send receipts with it.
func (d *Delivery) CheckSender(ctx context.Context, s *mail.Session, e *mail.Envelope) error {
	if !e.From.IsASCII() && !e.UTF8 {
		return mail.Errorf(mail.CodeNotUTF8Capable, "address needs SMTPUTF8")
	}
	if s.Role != mail.RoleSubmission {
		if receives(s) {
			d.lookAt(s.Peer.Addr()) // RCPT needs the answers
		}
		return nil
	}
	if !s.Authenticated() {
		return mail.Errorf(mail.CodeNoPermission, "log in first")
	}
	if e.From.IsNull() {
		return nil
	}
	return d.maySendAs(ctx, s, e.From, "reverse-path")
}

func (d *Delivery) maySendAs(ctx context.Context, s *mail.Session, a mail.Address, what string) error {
	ok, err := d.store.SenderAllowed(ctx, s.Account, a)
	if err != nil {
		return err
	}
	if !ok {
		return mail.Errorf(mail.CodeSenderDenied, "%s may not send as %s (%s)", s.Login, address.Display(a), what)
	}
	return nil
}

// CheckRecipient judges one forward-path at RCPT, with one look-up, one more for
// a submission, and for a stranger one that is kept for a while.
func (d *Delivery) CheckRecipient(ctx context.Context, s *mail.Session, e *mail.Envelope, r mail.Recipient) error {
	if !r.Address.IsASCII() && !e.UTF8 {
		return mail.Errorf(mail.CodeNotUTF8Capable, "address needs SMTPUTF8")
	}
	if s.Role == mail.RoleSubmission && !s.Authenticated() {
		return mail.Errorf(mail.CodeNoPermission, "log in first")
	}
	if receives(s) {
		if err := d.peerWithinLimits(ctx, s, e); err != nil {
			return err
		}
	}
	res, err := d.lead(ctx, e, r.Address)
	if err != nil {
		return err
	}
	if err := d.judge(s, res, r.Address, e.Size); err != nil {
		if receives(s) && (mail.Is(err, mail.CodeNoSuchUser) || mail.Is(err, mail.CodeRelayDenied)) {
			d.countRefused(s)
		}
		return err
	}
	switch {
	case receives(s):
		if err := d.admit(ctx, s, e, r.Address, res); err != nil {
			return err
		}
	case mayRelay(s):
		if err := d.checkSubmission(ctx, s, e, r, res.Kind != mail.ResolvedNotOurs); err != nil {
			return err
		}
	}
	if err := d.checkForwards(ctx, s, e, r, res); err != nil {
		return err
	}
	d.recent.put(recentKey{s.Peer, r.Address}, res, d.cfg.Now())
	return nil
}

// judge says whether a message of size octets (0: unknown) may go to where an
// address leads. An alias is refused when one of its people cannot take the
// message: it is one transaction, and nobody is left out in silence.
func (d *Delivery) judge(s *mail.Session, res mail.Resolution, a mail.Address, size int64) error {
	switch {
	case res.Truncated:
		return mail.Errorf(mail.CodeUnavailable, "the alias %s leads to too many addresses", address.Display(a))
	case res.Kind == mail.ResolvedNotOurs && !mayRelay(s):
		return mail.Errorf(mail.CodeRelayDenied, "relaying denied")
	case res.Kind == mail.ResolvedNotOurs:
		return nil
	case res.Kind == mail.ResolvedDisabled:
		return mail.Errorf(mail.CodeAccountDisabled, "%s takes no mail now", address.Display(a))
	case res.Kind != mail.ResolvedLocal && res.Kind != mail.ResolvedAlias:
		return mail.Errorf(mail.CodeNoSuchUser, "no such user: %s", address.Display(a))
	}
	for _, t := range res.Accounts {
		if t.OverQuota(size) {
			return d.overQuota()
		}
	}
	return nil
}

func (d *Delivery) overQuota() error {
	if d.cfg.QuotaHard {
		return mail.Errorf(mail.CodeOverQuotaHard, "mailbox is full")
	}
	return mail.Errorf(mail.CodeOverQuota, "mailbox is full")
}

// mayRelay is the one place that lets mail out: an account that logged in at
// a submission port. No address, network or sender ever does.
func mayRelay(s *mail.Session) bool {
	return s.Role == mail.RoleSubmission && s.Authenticated()
}
