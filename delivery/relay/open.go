package relay

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"postroom/internal/dns"
	"postroom/internal/mail"
)

// maxAddresses bounds the addresses tried for one Open. RFC 5321 §5.1 asks
// for two at least.
const maxAddresses = 8

// Session is an open connection to one next hop. One goroutine uses it at a
// time.
type Session struct {
	c      *Client
	plan   Plan
	rest   []Host // hosts not tried yet
	host   Host
	remote string // for results: "mx.example [192.0.2.1]"
	peer   *peer
	caps   map[string]string // EHLO keywords, upper case
	tls    bool
	// authenticated: we logged in by AUTH, so that MAIL must say AUTH=<>.
	authenticated bool
	dirty         bool // a transaction was left open: RSET first
	broken        bool // the connection is of no more use
	sent          int  // transactions done
}

// Remote names the host and address that the session talks to.
func (s *Session) Remote() string { return s.remote }

// TLS tells whether the session is encrypted.
func (s *Session) TLS() bool { return s.tls }

// Usable tells whether another message may be sent.
func (s *Session) Usable() bool { return !s.broken }

// Open connects to the first host of the plan that answers, and gets ready to
// send: EHLO, STARTTLS and AUTH as wanted. Its errors are *Failure.
func (c *Client) Open(ctx context.Context, plan Plan) (*Session, error) {
	o := opening{c: c, plan: plan, timeouts: true}
	for i, h := range plan.Hosts {
		s, stop := o.host(ctx, h)
		if s != nil {
			s.rest = slices.Clone(plan.Hosts[i+1:])
			return s, nil
		}
		if stop || ctx.Err() != nil || o.tried >= maxAddresses {
			break
		}
	}
	return nil, o.failure()
}

// HasNext tells whether the plan has a host that was not tried.
func (s *Session) HasNext() bool { return len(s.rest) > 0 }

// Next opens a session to the hosts behind this one, for recipients it
// deferred (RFC 5321 §5.1).
func (s *Session) Next(ctx context.Context) (*Session, error) {
	plan := s.plan
	plan.Hosts = s.rest
	return s.c.Open(ctx, plan)
}

// opening collects what went wrong on the way to a session.
type opening struct {
	c        *Client
	plan     Plan
	tried    int
	timeouts bool // all attempts so far were connects that timed out
	temp     *Failure
	perm     *Failure
	reached  bool
}

// host tries the addresses of one host; stop tells that no later host may be
// tried either.
func (o *opening) host(ctx context.Context, h Host) (s *Session, stop bool) {
	addrs, err := o.c.addresses(ctx, h)
	if err != nil {
		o.add(unresolved(h, err))
		return nil, false
	}
	if len(addrs) == 0 {
		o.add(temporary("4.4.1", "the mail host "+h.Name+" has no address of the IP version that this server uses", nil))
	}
	for _, a := range addrs {
		if o.tried >= maxAddresses {
			return nil, true
		}
		if o.plan.Smarthost == nil && o.c.isSelf(a) {
			// The hosts behind are no better than we (RFC 5321 §5.1).
			o.add(loopFailure())
			return nil, true
		}
		o.tried++
		s, f := o.c.openOne(ctx, o.plan, h, a)
		if f == nil {
			return s, false
		}
		o.c.log.DebugContext(ctx, "next hop refused", "destination", o.plan.Domain, "error", f)
		o.add(f)
		if ctx.Err() != nil {
			return nil, true
		}
	}
	return nil, false
}

func unresolved(h Host, err error) *Failure {
	if dns.IsTemporary(err) {
		return temporary("4.4.3", "the address of "+h.Name+" could not be looked up", err)
	}
	if dns.IsNotFound(err) {
		return permanent(0, "5.4.4", "the mail host "+h.Name+" does not exist")
	}
	return permanent(0, "5.4.4", "the mail host "+h.Name+" has no address")
}

func (o *opening) add(f *Failure) {
	o.reached = o.reached || f.Connected
	o.timeouts = o.timeouts && f.ConnectTimeout
	if f.Permanent {
		o.perm = f
		return
	}
	// What a server said is worth more to a reader than a time-out after it.
	if o.temp == nil || f.Reply.Code != 0 || o.temp.Reply.Code == 0 {
		o.temp = f
	}
}

// failure is temporary when any host might still take the mail.
func (o *opening) failure() *Failure {
	f := o.temp
	if f == nil {
		f = o.perm
	}
	if f == nil {
		f = temporary("4.4.1", "no mail host of "+o.plan.Domain+" could be reached", nil)
	}
	out := *f
	out.ConnectTimeout = o.timeouts && o.tried > 0
	out.Connected = o.reached
	if o.plan.Smarthost != nil && out.Permanent {
		// A smarthost is ours to mend: the mail waits.
		out.Permanent = false
		out.Reply.Status = "4" + out.Reply.Status[1:]
	}
	return &out
}

// openOne makes a session to one address. When an opportunistic handshake
// fails, a second connection goes on in plain text: mail that is only
// encrypted against listeners must not stop for it (RFC 7435).
func (c *Client) openOne(ctx context.Context, plan Plan, h Host, a netip.AddrPort) (*Session, *Failure) {
	policy, err := c.policy(ctx, plan, h)
	if err != nil {
		return nil, temporary("4.7.5", "the TLS policy of "+h.Name+" could not be found", err)
	}
	s, f := c.connect(ctx, plan, h, a, policy)
	if f != nil && f.Err != nil && policy.Mode == TLSMay && isTLSFailure(f) && ctx.Err() == nil {
		c.log.InfoContext(ctx, "TLS failed, sending in plain text", "remote", h.label(a), "error", f.Err)
		policy.Mode = TLSNever
		return c.connect(ctx, plan, h, a, policy)
	}
	return s, f
}

func (c *Client) policy(ctx context.Context, plan Plan, h Host) (Policy, error) {
	sh := plan.Smarthost
	switch {
	case sh == nil:
		return c.cfg.TLSPolicy(ctx, plan.Domain, h.Name)
	case sh.Security == SecurityNone:
		return Policy{Mode: TLSNever}, nil
	}
	name := h.Name
	if name == "" {
		name = h.Addr[0].String()
	}
	return Policy{Mode: TLSMust, Verify: true, ServerName: name, Roots: sh.Roots}, nil
}

func (c *Client) connect(ctx context.Context, plan Plan, h Host, a netip.AddrPort, policy Policy) (*Session, *Failure) {
	dctx, cancel := context.WithTimeout(ctx, c.cfg.Timeouts.Connect)
	defer cancel()
	remote := h.label(a)
	conn, err := c.cfg.Dial(dctx, c.source(plan.Domain, a.Addr()), a)
	if err != nil {
		text := "the connection was refused"
		timeout := isTimeout(err) || dctx.Err() != nil && ctx.Err() == nil
		if timeout {
			text = "the connection timed out"
		}
		return nil, &Failure{Reply: mail.RemoteReply{Status: "4.4.1", Text: text, Remote: remote}, ConnectTimeout: timeout, Err: err}
	}
	s := &Session{c: c, plan: plan, host: h, remote: remote, peer: newPeer(conn, c.cfg.Timeouts.Block)}
	stop := s.peer.follow(ctx)
	f := s.greet(ctx, policy)
	if !stop() && f == nil {
		f = s.failure("4.4.2", "the connection was given up", context.Cause(ctx))
	}
	if f != nil {
		s.peer.close()
		f.Connected = true
		return nil, f
	}
	return s, nil
}

func (s *Session) failure(status, text string, err error) *Failure {
	return &Failure{Reply: mail.RemoteReply{Status: status, Text: text, Remote: s.remote}, Err: err}
}

// refused makes a failure of a reply that ends the session before it began.
// It is temporary whatever the code, so that the next host is tried and a
// misconfigured hour bounces nothing, but for the codes that say "no mail
// here, ever" (521 of RFC 7504, 556 of RFC 7505 §4.1).
func (s *Session) refused(r Reply, phase string) *Failure {
	f := &Failure{Reply: remoteReply(r, s.remote), Err: fmt.Errorf("refused at %s", phase)}
	f.Permanent = r.Code == 521 || r.Code == 556
	return f
}
