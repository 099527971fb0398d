package delivery

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"postroom/internal/mail"
)

// stranger is one recipient that a stranger names.
type stranger struct {
	d     *Delivery
	s     *mail.Session
	from  mail.Address
	to    mail.Address
	local []mail.AccountID
	alone mail.AccountID // the only one that gets it; 0: an alias
}

func (d *Delivery) stranger(s *mail.Session, e *mail.Envelope, to mail.Address, res mail.Resolution) *stranger {
	x := &stranger{d: d, s: s, from: e.From, to: to}
	for _, t := range res.Accounts {
		x.local = append(x.local, t.Account)
	}
	if len(x.local) == 1 && len(res.Remote) == 0 {
		x.alone = x.local[0]
	}
	return x
}

// admit judges a recipient that exists, by who the stranger is: the
// administrator's lists, the limits, the DNS lists, and for suspects the
// greylist. Postmaster and abuse are reached by who is listed or unproven, too
// (RFC 5321 §4.5.1).
func (d *Delivery) admit(ctx context.Context, s *mail.Session, e *mail.Envelope, to mail.Address, res mail.Resolution) error {
	x := d.stranger(s, e, to, res)
	rules, err := d.rules(ctx, x.peer(), x.from)
	if err != nil {
		return err
	}
	r := pick(rules, to.Domain, x.alone)
	if r != nil && !r.Allow {
		return x.refuse(blockedBy(r))
	}
	trusted := r != nil && r.Network.IsValid()
	facts := peerFacts{}
	why := ""
	if r == nil {
		if facts, err = d.peer(ctx, x.peer()); err != nil {
			return mail.Wrap(mail.CodeUnavailable, err, "temporarily unavailable, try again later")
		}
		why = d.suspect(s, facts)
	}
	if err := x.withinLimits(ctx, trusted, why != ""); err != nil {
		return err
	}
	if r == nil && !isRole(to) && len(facts.allowed) == 0 {
		if len(facts.blocked) > 0 {
			return x.refuse(listed(x.peer(), facts.blocked[0], d.cfg.Hostname))
		}
		if err := x.greylist(ctx, why); err != nil {
			return err
		}
	}
	d.meter.add(d.cfg.Now(), mail.PeerCount{Recipients: 1}, x.subjects()...)
	return nil
}

func (x *stranger) peer() netip.Addr { return x.s.Peer.Addr().Unmap().WithZone("") }

// refuse counts and notes a recipient that is refused for good.
func (x *stranger) refuse(err error) error {
	x.d.countRefused(x.s)
	x.note(mail.RejectRefused, err)
	return err
}

// note puts it down for the Rejects of those it was for.
func (x *stranger) note(what mail.RejectAction, err error) {
	for _, acct := range x.local {
		x.d.rejects.add(mail.Reject{Account: acct, At: x.d.cfg.Now(), Count: 1, Network: networkOf(x.peer()), Sender: x.from,
			Action: what, Reason: mail.TextOf(err)})
	}
}

func blockedBy(r *mail.SenderRule) error {
	what := "this sender"
	if r.Sender == "" {
		what = "this address"
	}
	return mail.Errorf(mail.CodePolicy, "mail from %s is not taken here", what)
}

// listed tells who is refused for a DNS list where to turn to: they are people
// with a server, too.
func listed(a netip.Addr, l Listing, hostname string) error {
	text := ""
	if l.Text != "" {
		text = " (" + l.Text + ")"
	}
	return mail.Errorf(mail.CodePolicy, "%s is listed by %s%s; have it removed there, or write to postmaster@%s", a, l.Zone, text, hostname)
}

// isRole tells the addresses that everybody must be able to write to.
func isRole(a mail.Address) bool {
	return strings.EqualFold(a.Local, "postmaster") || strings.EqualFold(a.Local, "abuse")
}

// known tells whether somebody among the recipients wrote to the sender.
func (x *stranger) known(ctx context.Context) (bool, error) {
	if x.from.IsNull() || len(x.local) == 0 {
		return false, nil
	}
	ids, err := x.d.store.KnownSender(ctx, x.local, x.from)
	return len(ids) > 0, err
}

// seconds rounds up, so that nobody comes a moment too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
