package strangers

import (
	"fmt"
	"testing"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

func (w *world) listed(t *testing.T) {
	bad, both := w.named("198.18.6.10", "mx.spam.test"), w.named("198.18.6.11", "mx.mixed.test")
	for _, p := range []peer{bad, both} {
		w.dns.Add(reverse(p.ip, "bl.test")+". IN A 127.0.0.2", reverse(p.ip, "bl.test")+`. IN TXT "seen in traps"`)
	}
	w.dns.Add(reverse(both.ip, "wl.test") + ". IN A 127.0.5.1")
	want(t, "on a block list", w.rcpt(t, bad, "x@spam.test", alice), 550, "198.18.6.10 is listed by bl.test", "seen in traps", "postmaster@"+hostname)
	want(t, "to postmaster", w.rcpt(t, bad, "x@spam.test", "postmaster@example.test"), 250)
	want(t, "on an allow list, too", w.rcpt(t, both, "x@mixed.test", alice), 250)
}

// suspect is told to come again, and passes with its whole network then.
func (w *world) suspect(t *testing.T) {
	for _, c := range []struct {
		p   peer
		why string
	}{
		{peer{"198.18.9.10", "mx.nameless.test"}, "its address has no name"},
		{w.named("198.18.10.10", "198-18-10-10.dyn.isp.test"), "a customer's line"},
		{peer{w.named("198.18.11.10", "mx.odd.test").ip, "localhost"}, "its HELO names no mail server"},
	} {
		octets := by("x@suspect.test", "patience of "+c.p.helo)
		want(t, c.why, w.send(t, c.p, "x@suspect.test", alice, octets), 451, "try again in", c.why)
		want(t, "at once again", w.send(t, c.p, "x@suspect.test", alice, octets), 451, "try again in")
		w.later(t)
		want(t, "later", w.send(t, c.p, "x@suspect.test", alice, octets), 250)
		neighbour := peer{c.p.ip + "1", c.p.helo} // 198.18.9.101
		want(t, "its neighbour", w.rcpt(t, neighbour, "other@suspect.test", "bob@example.test"), 250)
		w.filed(t, alice, "INBOX", "patience of "+c.p.helo)
	}
	w.unusable(t) // waits by the same clock
}

// unusable has the block list refuse to answer about one peer, and fail about
// another: that is no listing, and no pass.
func (w *world) unusable(t *testing.T) {
	a, b := w.named("198.18.7.10", "mx.a.test"), w.named("198.18.8.10", "mx.b.test")
	w.dns.Add(reverse(a.ip, "bl.test") + ". IN A 127.255.255.254")
	w.dns.Fail(reverse(b.ip, "bl.test"), dnstest.ServFail)
	for _, p := range []peer{a, b} {
		want(t, p.helo, w.rcpt(t, p, "x@"+p.helo, alice), 451, "try again in", "the DNS does not tell who it is")
	}
	w.later(t)
	for _, p := range []peer{a, b} {
		want(t, p.helo+" later", w.rcpt(t, p, "x@"+p.helo, alice), 250)
	}
}

// friends are those whom alice wrote to: neither looks nor SPF hold them up,
// for her.
func (w *world) friends(t *testing.T) {
	const friend = "friend@strict.test"
	r, err := w.Submit(alice, testbed.Password, []string{friend}, []byte("From: "+alice+"\r\n"+hello))
	if err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	p := peer{"198.18.12.10", "laptop"}
	want(t, "to alice", w.send(t, p, friend, alice, by(friend, "from a friend")), 250)
	w.filed(t, alice, "INBOX", "from a friend")
	want(t, "to bob", w.send(t, p, friend, "bob@example.test", by(friend, "to another")), 451, "try again in")
	want(t, "of another", w.send(t, p, "other@strict.test", alice, by(friend, "by another")), 451, "try again in")
	if got := w.friend.Await(t, 1); got.To[0] != friend {
		t.Errorf("alice's own went to %v", got.To)
	}
}

// senders are the administrator's lists. Each try to see whether an entry holds
// comes from another network, since one that is refused often is a suspect.
func (w *world) senders(t *testing.T) {
	p, suspect := w.named("198.18.13.10", "mx.pest.test"), peer{"198.18.14.10", "x"}
	want(t, "before", w.rcpt(t, p, "x@pest.test", alice), 250)
	want(t, "before", w.rcpt(t, suspect, "x@slow.test", alice), 451)
	w.do(t, "sender", "block", "pest.test", "--for", alice)
	w.do(t, "sender", "allow", suspect.ip)
	n := 100
	awaitCode := func(code int) {
		until(t, func() error {
			n++
			r := w.rcpt(t, w.named(fmt.Sprintf("198.18.%d.10", n), fmt.Sprintf("mx%d.pest.test", n)), "x@pest.test", alice)
			if r.Code != code {
				return fmt.Errorf("%v, want %d", r, code)
			}
			return nil
		})
	}
	awaitCode(550)
	until(t, func() error { return w.rcpt(t, suspect, "y@slow.test", "bob@example.test").Err() })
	want(t, "below", w.rcpt(t, p, "x@sub.pest.test", alice), 550, "mail from this sender is not taken here")
	want(t, "another domain", w.rcpt(t, p, "x@other.test", alice), 250)
	want(t, "another recipient", w.rcpt(t, p, "x@pest.test", "bob@example.test"), 250)
	w.do(t, "sender", "remove", "pest.test", "--for", alice)
	awaitCode(250)
}
