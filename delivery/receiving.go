package delivery

import (
	"context"
	"net/netip"
	"time"

	"postroom/internal/iprev"
	"postroom/internal/mail"
)

// ReceivingStore is what the judgement of strangers needs of the store.
type ReceivingStore interface {
	SenderRules(ctx context.Context, peer netip.Addr, from mail.Address) ([]mail.SenderRule, error)
	KnownSender(ctx context.Context, accounts []mail.AccountID, from mail.Address) ([]mail.AccountID, error)
	Greylist(ctx context.Context, t mail.GreylistTry) (wait time.Duration, err error)
	CountPeers(ctx context.Context, hour time.Time, counts []mail.PeerCount) ([]mail.PeerCount, error)
	RecordRejects(ctx context.Context, all []mail.Reject) error
}

// Receiving says by what mail on port 25 is judged. The zero value leaves the
// administrator's lists and the default limits.
type Receiving struct {
	// Reverse confirms the name of a peer (iprev.Check); nil: it is not asked.
	Reverse func(context.Context, netip.Addr) iprev.Result
	// Blocked and Allowed are DNS lists of peers; nil: none.
	Blocked, Allowed Blocklists
	Greylist         bool
	Limits           ReceiveLimits
	// ExemptPeer tells addresses that stand for anybody (a container's
	// gateway): nothing is held against them. Loopback is exempt always.
	ExemptPeer func(netip.Addr) bool
	DNSWait    time.Duration // of a command for what the DNS says of its peer; 0: 5 s
}

// Blocklists asks DNS lists about a peer.
type Blocklists interface {
	// Check gives the lists that have the address. With an error, some list did
	// not answer or cannot be used; those that did stand in the result.
	Check(ctx context.Context, a netip.Addr) ([]Listing, error)
}

// Listing is one DNS list that has a peer.
type Listing struct {
	Zone string
	Text string // of the TXT record; "" when there is none
}

// receives tells a session whose peer is a stranger: what the command line
// files has no peer.
func receives(s *mail.Session) bool {
	return s.Role == mail.RoleMX && !s.Authenticated() && s.Peer.IsValid()
}

// exempt tells a peer against whose address nothing is held.
func (d *Delivery) exempt(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || d.cfg.Receiving.ExemptPeer != nil && d.cfg.Receiving.ExemptPeer(a)
}

// unknowable tells a peer of whom no public DNS and no HELO says anything: what
// stands in one's own network sends as it likes.
func (d *Delivery) unknowable(a netip.Addr) bool {
	return d.exempt(a) || a.IsPrivate() || a.IsLinkLocalUnicast()
}

// Run writes what is counted and noted about strangers, every few seconds until
// ctx ends, and once more then.
func (d *Delivery) Run(ctx context.Context) {
	const every = 5 * time.Second
	for tick := time.NewTicker(every); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
		}
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), every)
		if err := d.Flush(flush); err != nil {
			d.log.WarnContext(ctx, "counts of peers and rejects not written", "error", err)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}

// Flush writes what waits now. What cannot be written is counted again next
// time; rejects are lost.
func (d *Delivery) Flush(ctx context.Context) error {
	if err := d.meter.flush(ctx, d.store); err != nil {
		return err
	}
	return d.store.RecordRejects(ctx, d.rejects.take())
}
