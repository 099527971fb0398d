package strangers

import (
	"testing"

	"postroom/internal/dns/dnstest"
)

// deadDNS is the last: nothing can be looked up any more. Nobody is refused for
// good, and nothing is taken that a policy may forbid.
func (w *world) deadDNS(t *testing.T) {
	p := w.named("198.18.20.10", "mx.late.test")
	w.dns.Fail(".", dnstest.Silent)
	want(t, "no answer", w.rcpt(t, p, "x@late.test", alice), 451, "the DNS does not tell who it is")
	w.dns.Fail(".", dnstest.ServFail)
	other := peer{"198.18.21.10", "mx.later.test"}
	octets := by("x@later.test", "unproven")
	want(t, "SERVFAIL", w.send(t, other, "x@later.test", alice, octets), 451, "the DNS does not tell who it is")
	w.later(t)
	want(t, "past the greylist", w.send(t, other, "x@later.test", alice, octets), 451, "DMARC policy of later.test cannot be applied now")
	want(t, "perhaps ours", w.send(t, other, "boss@example.test", alice, by("boss@example.test", "unproven")), 451,
		"who may send as example.test cannot be looked up now")
	w.filed(t, alice, "", "unproven")
	w.dns.Fail(".", dnstest.None)
	until(t, func() error { return w.send(t, other, "x@later.test", alice, octets).Err() })
	w.filed(t, alice, "INBOX", "unproven")
}
