package delivery

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
	"postroom/internal/srs"
)

// reportedFor is how long a DSN of our own finds its way back: longer than
// strangers' bounces, since an administrator may hold mail for months.
const reportedFor = 1000 * 24 * time.Hour

// leavesAs gives the reverse-path of a message's queue entries. Mail from
// outside that is forwarded leaves in the name of the first forwarding domain,
// so that SPF passes at the next hop. What cannot be rewritten leaves as it is:
// the next hop may refuse it, which its sender is then told; a made-up
// reverse-path would lose its bounces.
func (m *Incoming) leavesAs(ctx context.Context) (mail.Address, error) {
	from := m.e.From
	if m.s.Role != mail.RoleMX || from.IsNull() || m.d.cfg.ReturnSecrets == nil || len(m.route.forwards) == 0 {
		return from, nil
	}
	res, err := m.d.store.ResolveRecipient(ctx, from)
	if err != nil || res.Kind != mail.ResolvedNotOurs {
		return from, err
	}
	w, err := m.d.rewriter(ctx)
	if err != nil {
		return from, err
	}
	w.Domain = cmp.Or(m.route.forwards[0].Domain, m.d.cfg.Hostname)
	to, err := w.Forward(from)
	if errors.Is(err, srs.ErrUnfit) {
		return from, nil
	}
	return to, err
}

func (d *Delivery) rewriter(ctx context.Context) (*srs.Rewriter, error) {
	secrets, err := d.cfg.ReturnSecrets(ctx)
	return &srs.Rewriter{Secrets: secrets, Now: d.cfg.Now}, err
}

// openReturn gives whom a return address of ours leads back to. srs.ErrNotSRS
// tells any other address, srs.ErrForged and srs.ErrExpired one that is no good
// (maxAge 0: the default of internal/srs).
func (d *Delivery) openReturn(ctx context.Context, a mail.Address, maxAge time.Duration) (mail.Address, error) {
	// Without secrets everything of the form is forged: the form alone is asked
	// for here, which costs no look-up.
	if _, err := (&srs.Rewriter{}).Reverse(a); errors.Is(err, srs.ErrNotSRS) || d.cfg.ReturnSecrets == nil {
		return mail.Address{}, srs.ErrNotSRS
	}
	w, err := d.rewriter(ctx)
	if err != nil {
		return mail.Address{}, err
	}
	w.MaxAge = maxAge
	return w.Reverse(a)
}

// lead finds where a recipient of a message leads. A return address leads, for
// the null reverse-path only, to whom its message came from: everything else
// that comes to it is no bounce.
func (d *Delivery) lead(ctx context.Context, e *mail.Envelope, a mail.Address) (mail.Resolution, error) {
	res, err := d.resolve(ctx, a)
	if err != nil || !d.signsReturns(res, a.Domain) {
		return res, err
	}
	back, err := d.openReturn(ctx, a, 0)
	switch {
	case errors.Is(err, srs.ErrNotSRS):
		return res, nil
	case err != nil:
		return res, err
	case !e.From.IsNull():
		return res, mail.Errorf(mail.CodeNoSuchUser, "%s takes bounces only", address.Display(a))
	}
	// Its domain may have become ours since. Each step is shorter than the one
	// before, so it ends.
	to, err := d.lead(ctx, e, back)
	if err == nil && to.Kind == mail.ResolvedNotOurs {
		to = mail.Resolution{Kind: mail.ResolvedAlias, Remote: []mail.Address{back}}
	}
	return to, err
}

// origin gives whom a report about a message goes to: the reverse-path as it
// came in, where the message left under another.
func (d *Delivery) origin(ctx context.Context, from mail.Address) (mail.Address, error) {
	res, err := d.store.ResolveRecipient(ctx, from)
	if err != nil || !d.signsReturns(res, from.Domain) {
		return from, err
	}
	back, err := d.openReturn(ctx, from, reportedFor)
	switch {
	case err == nil:
		return back, nil
	case errors.Is(err, srs.ErrNotSRS), errors.Is(err, srs.ErrForged), errors.Is(err, srs.ErrExpired):
		return from, nil
	}
	return from, err
}

// signsReturns tells whether an address that resolved so may be a return
// address of ours: its domain is, and no account has that name.
func (d *Delivery) signsReturns(res mail.Resolution, domain string) bool {
	switch res.Kind {
	case mail.ResolvedLocal:
		return false
	case mail.ResolvedNotOurs:
		return strings.EqualFold(domain, d.cfg.Hostname)
	}
	return true
}
