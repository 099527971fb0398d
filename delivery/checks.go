package delivery

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"postroom/internal/arc"
	"postroom/internal/dkim"
	"postroom/internal/dkim/canon"
	"postroom/internal/dmarc"
	"postroom/internal/dns"
	"postroom/internal/iprev"
	"postroom/internal/mail"
	"postroom/internal/spf"
)

// Checks says how mail from outside is authenticated, and what follows.
type Checks struct {
	Resolver dns.Resolver
	// TrustedSealers are the domains, A-labels in lower case, whose word in a
	// passing ARC chain overrides a DMARC policy (RFC 8617 §7.2).
	TrustedSealers []string
	// OwnClaims is what becomes of mail that claims a domain of ours and proves
	// nothing; "": it is refused.
	OwnClaims OwnClaims
	// Gateway tells peers that carry the connections of others: their address
	// says nothing about the sender. Nil: none does.
	Gateway func(netip.Addr) bool
	// Timeout bounds all look-ups before the last octet, and again after it;
	// 0: 20 s (RFC 7208 §4.6.4).
	Timeout time.Duration
}

const checksTimeout = 20 * time.Second

func (c *Checks) timeout() time.Duration {
	if c.Timeout == 0 {
		return checksTimeout
	}
	return c.Timeout
}

// inspection is the checks of one message: SPF and iprev run while its octets
// come, the signatures are tested when the last is there.
type inspection struct {
	c    *Checks
	host string
	s    *mail.Session
	e    *mail.Envelope
	now  time.Time

	ctx    context.Context // ends with the message, or the time for early look-ups
	cancel context.CancelFunc
	early  sync.WaitGroup

	bodies   canon.Bodies
	sealable bool // bodies holds what a seal of ours signs
	dkim     *dkim.Verifier
	arc      *arc.Validator

	found evidence
}

// inspect begins the checks of a message; nil where none are made: submissions
// have their own, and mail that no peer brought has nobody to ask about.
func (d *Delivery) inspect(ctx context.Context, s *mail.Session, e *mail.Envelope) *inspection {
	if d.cfg.Checks == nil || s.Role != mail.RoleMX || !s.Peer.IsValid() {
		return nil
	}
	i := &inspection{c: d.cfg.Checks, host: d.cfg.Hostname, s: s, e: e, now: d.cfg.Now()}
	i.ctx, i.cancel = context.WithTimeout(ctx, i.c.timeout())
	peer := s.Peer.Addr()
	if i.c.Gateway != nil && i.c.Gateway(peer) {
		i.found.blind = true
		return i
	}
	i.early.Go(func() { i.found.iprev = iprev.Check(i.ctx, i.c.Resolver, peer) })
	i.early.Go(func() {
		checker := spf.Checker{Resolver: i.c.Resolver, Hostname: i.host, Now: func() time.Time { return i.now }}
		i.found.spf = checker.Check(i.ctx, peer, s.Helo, e.From)
	})
	return i
}

// header takes the header as received, before anything is cut from it. Octets
// of the body follow by Write. Without its empty line (whole) a header is not
// trusted to be what was signed. With seal, the message will leave under a seal
// of ours.
func (i *inspection) header(head []byte, whole, seal bool) {
	if whole {
		i.dkim = dkim.New(head, &i.bodies, i.now)
		i.arc = arc.New(head, &i.bodies, i.now)
		if i.sealable = seal; seal {
			i.bodies.Want(canon.Relaxed, canon.NoLimit)
		}
	}
	i.found.authors = readAuthors(head)
	for _, domain := range i.found.authors.domains {
		// The answer is in the resolver's cache when it is needed.
		i.early.Go(func() { i.c.Resolver.LookupTXT(i.ctx, "_dmarc."+domain) })
	}
}

// Write takes octets of the body.
func (i *inspection) Write(p []byte) (int, error) { return i.bodies.Write(p) }

// finish tests the signatures, waits for what is under way and asks for the
// policies of the authors, until ctx or the time for it ends.
func (i *inspection) finish(ctx context.Context) *evidence {
	ctx, cancel := context.WithTimeout(ctx, i.c.timeout())
	defer cancel()
	if i.dkim != nil {
		i.bodies.Size(canon.Simple) // ends the body, before two goroutines read of it
		var both sync.WaitGroup
		both.Go(func() { i.found.dkim = i.dkim.Finish(ctx, i.c.Resolver) })
		both.Go(func() { i.found.arc = i.arc.Finish(ctx, i.c.Resolver) })
		both.Wait()
	}
	i.early.Wait()
	spfSaid := dmarc.Identifier{Domain: i.found.spf.Domain, Status: string(i.found.spf.Status)}
	var signed []dmarc.Identifier
	for _, r := range i.found.dkim {
		signed = append(signed, dmarc.Identifier{Domain: r.Domain, Status: string(r.Status)})
	}
	eval := dmarc.Evaluator{Resolver: i.c.Resolver}
	for _, domain := range i.found.authors.domains {
		i.found.dmarc = append(i.found.dmarc, eval.Evaluate(ctx, domain, spfSaid, signed))
	}
	return &i.found
}
