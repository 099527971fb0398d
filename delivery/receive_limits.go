package delivery

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"postroom/internal/mail"
)

// ReceiveLimits bound what comes in on port 25; the zero value takes the
// defaults.
type ReceiveLimits struct {
	Address   ReceiveLimit // of a peer
	Network   ReceiveLimit // of its IPv4 /24 or IPv6 /64
	Sender    ReceiveLimit // domain of the reverse-path: of suspects only, for anybody can write it
	Recipient ReceiveLimit // account: of senders that it never wrote to
}

// ReceiveLimit bounds one subject; 0 is no limit. Minutes are counted by each
// process, hours by all together.
type ReceiveLimit struct {
	MessagesPerMinute, MessagesPerHour     int
	RecipientsPerMinute, RecipientsPerHour int
	RefusedPerHour                         int // recipients: who guesses learns nothing more
}

// DefaultReceiveLimits are far above what one server sends to a company, and
// below what guessing names and flooding a mailbox need.
var DefaultReceiveLimits = ReceiveLimits{
	Address:   ReceiveLimit{MessagesPerMinute: 600, MessagesPerHour: 10_000, RecipientsPerMinute: 1200, RecipientsPerHour: 20_000, RefusedPerHour: 50},
	Network:   ReceiveLimit{MessagesPerMinute: 2400, MessagesPerHour: 40_000, RecipientsPerMinute: 4800, RecipientsPerHour: 80_000, RefusedPerHour: 200},
	Sender:    ReceiveLimit{MessagesPerMinute: 60, MessagesPerHour: 600, RecipientsPerMinute: 120, RecipientsPerHour: 1200},
	Recipient: ReceiveLimit{RecipientsPerMinute: 300, RecipientsPerHour: 5000},
}

// passed tells whether one more would be over, and when it may be tried again.
func (l ReceiveLimit) passed(minute, hour mail.PeerCount, now time.Time) (time.Duration, bool) {
	over := func(n, most int) bool { return most > 0 && n >= most }
	switch {
	case over(hour.Messages, l.MessagesPerHour), over(hour.Recipients, l.RecipientsPerHour), over(hour.Refused, l.RefusedPerHour):
		return now.Truncate(time.Hour).Add(time.Hour).Sub(now), true
	case over(minute.Messages, l.MessagesPerMinute), over(minute.Recipients, l.RecipientsPerMinute):
		return now.Truncate(time.Minute).Add(time.Minute).Sub(now), true
	}
	return 0, false
}

func ipSubject(a netip.Addr) string        { return "ip:" + a.String() }
func netSubject(a netip.Addr) string       { return "net:" + network(a) }
func toSubject(acct mail.AccountID) string { return "to:" + strconv.FormatInt(int64(acct), 10) }
func fromSubject(from mail.Address) string { return "from:" + from.Domain }

// within refuses when a subject is over its limit.
func (d *Delivery) within(l ReceiveLimit, subject, what string) error {
	now := d.cfg.Now()
	minute, hour := d.meter.read(now, subject)
	if wait, over := l.passed(minute, hour, now); over {
		return mail.Errorf(mail.CodeDeferred, "too much mail %s, try again in %d s", what, seconds(wait))
	}
	return nil
}

// peerWithinLimits judges a peer before anything is looked up for it, so that
// who is over its limit learns of no name whether it exists. A network that the
// administrator allows for everybody is not held up.
func (d *Delivery) peerWithinLimits(ctx context.Context, s *mail.Session, e *mail.Envelope) error {
	a := s.Peer.Addr().Unmap().WithZone("")
	if d.exempt(a) {
		return nil
	}
	err := d.within(d.cfg.Receiving.Limits.Address, ipSubject(a), "from this address")
	if err == nil {
		err = d.within(d.cfg.Receiving.Limits.Network, netSubject(a), "from this network")
	}
	if err == nil {
		return nil
	}
	rules, failed := d.rules(ctx, a, e.From)
	if r := pick(rules, "", 0); r != nil && r.Allow && r.Network.IsValid() {
		return nil
	}
	if failed != nil {
		return failed
	}
	return err
}

// withinLimits judges the sender and the recipient. trusted: the administrator
// allows the network. What runs on this machine is not held up.
func (x *stranger) withinLimits(ctx context.Context, trusted, suspect bool) error {
	l := x.d.cfg.Receiving.Limits
	if trusted || x.peer().IsLoopback() {
		return nil
	}
	if suspect && !x.from.IsNull() {
		if err := x.d.within(l.Sender, fromSubject(x.from), "from this domain"); err != nil {
			return err
		}
	}
	for _, acct := range x.local {
		if err := x.d.within(l.Recipient, toSubject(acct), "for this recipient"); err != nil {
			if known, failed := x.known(ctx); known || failed != nil {
				return failed
			}
			return err
		}
	}
	return nil
}

// subjects are those that a recipient counts for.
func (x *stranger) subjects() []string {
	out := peerSubjects(x.s, x.from, x.d.exempt(x.peer()))
	for _, acct := range x.local {
		out = append(out, toSubject(acct))
	}
	return out
}

func peerSubjects(s *mail.Session, from mail.Address, exempt bool) (out []string) {
	if a := s.Peer.Addr().Unmap().WithZone(""); !exempt {
		out = append(out, ipSubject(a), netSubject(a))
	}
	if !from.IsNull() {
		out = append(out, fromSubject(from))
	}
	return out
}

// countMessage counts a message of a stranger that begins.
func (d *Delivery) countMessage(s *mail.Session, from mail.Address) {
	d.meter.add(d.cfg.Now(), mail.PeerCount{Messages: 1}, peerSubjects(s, from, d.exempt(s.Peer.Addr()))...)
}

// countRefused counts a recipient that a stranger must not write to.
func (d *Delivery) countRefused(s *mail.Session) {
	d.meter.add(d.cfg.Now(), mail.PeerCount{Refused: 1}, peerSubjects(s, mail.Address{}, d.exempt(s.Peer.Addr()))...)
}
