package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postroom/delivery"
	"postroom/internal/iprev"
	"postroom/internal/mail"
)

// world is what the DNS says of peers.
type world struct {
	names   map[string]iprev.Result // by address; others pass as mail.out.test
	blocked map[string]string       // address: text
	allowed map[string]bool
	broken  atomic.Bool
	asked   atomic.Int32
}

func (w *world) reverse(_ context.Context, a netip.Addr) iprev.Result {
	w.asked.Add(1)
	if r, ok := w.names[a.String()]; ok {
		return r
	}
	return iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}
}

type blockedBy struct{ *world }

func (w blockedBy) Check(_ context.Context, a netip.Addr) ([]delivery.Listing, error) {
	if w.broken.Load() {
		return nil, errors.New("no answer")
	}
	if text, ok := w.blocked[a.String()]; ok {
		return []delivery.Listing{{Zone: "bl.test", Text: text}}, nil
	}
	return nil, nil
}

type allowedBy struct{ *world }

func (w allowedBy) Check(_ context.Context, a netip.Addr) ([]delivery.Listing, error) {
	if w.allowed[a.String()] {
		return []delivery.Listing{{Zone: "wl.test"}}, nil
	}
	return nil, nil
}

// street is a house whose strangers are looked at: 192.0.2.1 has no name.
func street(t *testing.T, w *world, change ...func(*delivery.Receiving)) *house {
	t.Helper()
	h := newHouse(t, nil)
	if w.names == nil {
		w.names = map[string]iprev.Result{"192.0.2.1": {Status: iprev.PermError}}
	}
	h.cfg.Receiving = delivery.Receiving{Reverse: w.reverse, Blocked: blockedBy{w}, Allowed: allowedBy{w}, Greylist: true}
	for _, f := range change {
		f(&h.cfg.Receiving)
	}
	h.Delivery = delivery.New(h.cfg, h.store, h.spool, nil)
	return h
}

func (h *house) after(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func peering(ip string) *mail.Session {
	s := mx()
	s.Peer = peerIn(ip)
	return s
}

// rcpt is MAIL and RCPT of a stranger.
func (h *house) rcpt(ip, sender, to string) error {
	s, e := peering(ip), envelope(sender)
	if err := h.CheckSender(h.t.Context(), s, e); err != nil {
		return err
	}
	return h.CheckRecipient(h.t.Context(), s, e, mail.Recipient{Address: addr(to)})
}

func (h *house) want(err error, code mail.Code, text string) {
	h.t.Helper()
	if !mail.Is(err, code) || !strings.Contains(mail.TextOf(err), text) {
		h.t.Errorf("got %v; want code %v and %q", err, code, text)
	}
}

func (h *house) taken(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Errorf("not taken: %v", err)
	}
}

func (h *house) rule(sender, network string, allow bool, acct mail.AccountID) {
	h.t.Helper()
	x := mail.SenderRule{Sender: sender, Allow: allow, Account: acct}
	if network != "" {
		x.Network = netip.MustParsePrefix(network)
	}
	if err := h.store.SetSenderRule(h.t.Context(), "test", x); err != nil {
		h.t.Fatal(err)
	}
	h.after(10 * time.Second) // what is kept of rules is no older
}

func (h *house) rejectsOf(acct mail.AccountID) []mail.Reject {
	h.t.Helper()
	if err := h.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	out, err := h.store.Rejects(h.t.Context(), acct)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func TestSuspectsComeAgain(t *testing.T) {
	h := street(t, &world{})
	h.want(h.rcpt("192.0.2.1", "list-41-x@out.test", "alice@example.test"), mail.CodeDeferred, "try again in 120 s: its address has no name")
	h.after(30 * time.Second)
	h.want(h.rcpt("192.0.2.1", "list-42-x@out.test", "Alice@example.test"), mail.CodeDeferred, "try again in 90 s")
	h.after(91 * time.Second)
	h.taken(h.rcpt("192.0.2.1", "list-43-x@out.test", "alice@example.test"))
	h.taken(h.rcpt("192.0.2.1", "other@else.test", "bob@example.test")) // its network has passed
	rejects := h.rejectsOf(h.alice)
	if len(rejects) != 2 || rejects[0].Action != mail.RejectGreylisted || !strings.Contains(rejects[0].Reason, "no name") ||
		rejects[0].Network.String() != "192.0.2.0/24" || rejects[0].Sender.String() != "list-42-x@out.test" {
		t.Errorf("alice's rejects: %+v", rejects)
	}
	if got := h.rejectsOf(h.bob); len(got) != 0 {
		t.Errorf("bob's rejects: %+v", got)
	}
}

func TestWhoIsSuspect(t *testing.T) {
	w := &world{names: map[string]iprev.Result{}}
	h := street(t, w)
	for i, tc := range []struct {
		name    iprev.Result
		helo    string
		suspect string // "" is taken at once
	}{
		{iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}, "mail.out.test", ""},
		{iprev.Result{Status: iprev.Pass, Name: "mx4.out.test"}, "[198.51.100.2]", ""}, // its own address
		{iprev.Result{Status: iprev.PermError}, "mail.out.test", "has no name"},
		{iprev.Result{Status: iprev.Fail}, "mail.out.test", "does not lead back"},
		{iprev.Result{Status: iprev.TempError}, "mail.out.test", "does not tell"},
		{iprev.Result{Status: iprev.Pass, Name: "198-51-106-2.isp.test"}, "mail.out.test", ""},                     // another's
		{iprev.Result{Status: iprev.Pass, Name: "host-7-198.51-100.isp.test"}, "mail.out.test", ""},                // three octets, no word
		{iprev.Result{Status: iprev.Pass, Name: "2-8-51-198.isp.test"}, "mail.out.test", ""},                       // two of its octets, no word
		{iprev.Result{Status: iprev.Pass, Name: "c2-108-51-198.dyn.isp.test"}, "mail.out.test", "customer's line"}, // three and a word
		{iprev.Result{Status: iprev.Pass, Name: "pc6336c02.dip0.isp.test"}, "mail.out.test", "customer's line"},    // hexadecimal
		{iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}, "laptop", "HELO"},
		{iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}, "192.0.2.9", "HELO"},
		{iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}, "[192.0.2.9]", "HELO"},
		{iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}, "mx.example.test", "HELO"}, // our own
		{iprev.Result{Status: iprev.Pass, Name: "mail.out.test"}, "localhost.localdomain", "HELO"},
	} {
		ip := fmt.Sprintf("198.51.%d.2", 99+i)
		w.names[ip] = tc.name
		s := peering(ip)
		s.Helo = strings.Replace(tc.helo, "[198.51.100.2]", "["+ip+"]", 1)
		err := h.CheckRecipient(t.Context(), s, envelope("x@out.test"), mail.Recipient{Address: addr("alice@example.test")})
		if tc.suspect == "" {
			h.taken(err)
		} else {
			h.want(err, mail.CodeDeferred, tc.suspect)
		}
	}
}

func TestWhoIsNeverGreylisted(t *testing.T) {
	h := street(t, &world{allowed: map[string]bool{"198.51.100.1": true}, names: map[string]iprev.Result{
		"198.51.100.1": {Status: iprev.PermError}, "192.0.2.1": {Status: iprev.PermError}}})
	if err := h.write("friend@out.test"); err != nil {
		t.Fatal(err)
	}
	h.taken(h.rcpt("192.0.2.1", "Friend@out.test", "alice@example.test"))
	h.want(h.rcpt("192.0.2.1", "friend@out.test", "bob@example.test"), mail.CodeDeferred, "try again")
	h.want(h.rcpt("192.0.2.1", "", "alice@example.test"), mail.CodeDeferred, "try again")
	h.taken(h.rcpt("192.0.2.1", "x@out.test", "postmaster@example.test"))
	h.taken(h.rcpt("192.0.2.1", "x@out.test", "Abuse@example.test"))
	h.taken(h.rcpt("198.51.100.1", "x@out.test", "alice@example.test")) // on an allow list
	h.taken(h.rcpt("127.0.0.1", "x@out.test", "alice@example.test"))
	h.taken(h.rcpt("10.1.2.3", "x@out.test", "alice@example.test")) // no DNS knows it
	printer := peering("10.1.2.3")
	printer.Helo = "printer"
	h.taken(h.CheckRecipient(t.Context(), printer, envelope("x@out.test"), mail.Recipient{Address: addr("alice@example.test")}))
	h.rule("trusted.test", "", true, 0)
	h.taken(h.rcpt("192.0.2.1", "x@mail.trusted.test", "alice@example.test"))
	off := street(t, &world{}, func(r *delivery.Receiving) { r.Greylist = false })
	off.taken(off.rcpt("192.0.2.1", "x@out.test", "alice@example.test"))
}

func TestListedPeersAreRefused(t *testing.T) {
	w := &world{blocked: map[string]string{"203.0.113.9": "see https://bl.test/203.0.113.9"}}
	h := street(t, w)
	err := h.rcpt("203.0.113.9", "x@out.test", "alice@example.test")
	h.want(err, mail.CodePolicy, "203.0.113.9 is listed by bl.test (see https://bl.test/203.0.113.9); have it removed there, or write to postmaster@mx.example.test")
	h.taken(h.rcpt("203.0.113.9", "x@out.test", "postmaster@example.test"))
	for range 3 {
		h.want(h.rcpt("203.0.113.9", "y@out.test", "alice@example.test"), mail.CodePolicy, "")
	}
	if n := w.asked.Load(); n != 1 {
		t.Errorf("one peer was asked about %d times", n)
	}
	if got := h.rejectsOf(h.alice); len(got) != 2 || got[0].Count+got[1].Count != 4 || got[0].Action != mail.RejectRefused {
		t.Errorf("alice's rejects: %+v", got)
	}
	h.rule("", "203.0.113.9/32", true, 0)
	h.taken(h.rcpt("203.0.113.9", "x@out.test", "alice@example.test"))
}

// A DNS that does not answer is no reason to refuse, and none to let pass.
func TestBrokenListsMakeSuspects(t *testing.T) {
	w := &world{}
	h := street(t, w)
	w.broken.Store(true)
	h.want(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "does not tell")
	w.broken.Store(false)
	h.want(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "does not tell")
	h.after(61 * time.Second)
	h.taken(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"))
}

func TestSlowDNSIsNotWaitedFor(t *testing.T) {
	answer := make(chan struct{})
	w := &world{}
	h := street(t, w, func(r *delivery.Receiving) {
		r.DNSWait = time.Millisecond
		r.Reverse = func(ctx context.Context, a netip.Addr) iprev.Result { <-answer; return w.reverse(ctx, a) }
	})
	h.want(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "does not tell")
	close(answer)
	h.until("the answer came", func() bool { return h.rcpt("203.0.113.1", "x@out.test", "alice@example.test") == nil })
	if n := w.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			h.t.Fatalf("waited for: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestListsOfTheAdministrator(t *testing.T) {
	h := street(t, &world{})
	h.rule("bad.test", "", false, 0)
	h.want(h.rcpt("203.0.113.1", "x@bad.test", "alice@example.test"), mail.CodePolicy, "mail from this sender is not taken here")
	h.want(h.rcpt("203.0.113.1", "x@sub.bad.test", "bob@example.test"), mail.CodePolicy, "")
	h.taken(h.rcpt("203.0.113.1", "x@notbad.test", "alice@example.test"))
	h.rule("x@bad.test", "", true, 0) // an address before its domain
	h.taken(h.rcpt("203.0.113.1", "X@bad.test", "alice@example.test"))
	h.rule("", "203.0.113.0/24", false, 0) // a network before all senders
	h.want(h.rcpt("203.0.113.1", "x@bad.test", "alice@example.test"), mail.CodePolicy, "mail from this address")
	h.rule("bad.test", "", true, h.bob) // one's own before everybody's
	h.taken(h.rcpt("203.0.113.1", "y@bad.test", "bob@example.test"))
	h.want(h.rcpt("203.0.113.1", "y@bad.test", "alice@example.test"), mail.CodePolicy, "")
	if got := h.rejectsOf(h.alice); len(got) != 2 || got[1].Count != 2 || got[0].Action != mail.RejectRefused {
		t.Errorf("alice's rejects: %+v", got)
	}
}

// An alias is one message: what one of its people set does not decide for all.
func TestAccountRulesDoNotDecideForAnAlias(t *testing.T) {
	h := street(t, &world{})
	err := h.store.SetAlias(t.Context(), "test", mail.Alias{Domain: "example.test", Local: "all",
		Targets: []mail.Address{addr("alice@example.test"), addr("bob@example.test")}}, false)
	if err != nil {
		t.Fatal(err)
	}
	h.rule("bad.test", "", false, h.bob)
	h.want(h.rcpt("203.0.113.1", "x@bad.test", "bob@example.test"), mail.CodePolicy, "")
	h.taken(h.rcpt("203.0.113.1", "x@bad.test", "all@example.test"))
}
