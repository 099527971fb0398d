package strangers

import (
	"strings"
	"testing"
)

// TestStrangers shares one server. The cases of the first list use addresses and
// names of their own and run beside each other; those of the second follow, one
// after the other.
func TestStrangers(t *testing.T) {
	w := newWorld(t)
	t.Run("beside each other", func(t *testing.T) {
		for name, run := range map[string]func(*testing.T){
			"good": w.good, "forged": w.forged, "sealed": w.sealed, "listed": w.listed, "suspect": w.suspect, "friend": w.friends, "sender list": w.senders, "limits": w.limits, "tarpit": w.tarpit,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(t)
			})
		}
	})
	t.Run("rejects", w.rejects)
	t.Run("dead DNS", w.deadDNS)
}

func (w *world) good(t *testing.T) {
	p := w.named("198.18.1.10", "mx.good.test")
	want(t, "good", w.send(t, p, "gina@good.test", alice, signed(t, "good.test", by("gina@good.test", "from a good one"))), 250)
	w.filed(t, alice, "INBOX", "from a good one")
	got := string(w.in(t, alice, "INBOX", "from a good one"))
	for _, s := range []string{"Authentication-Results: " + hostname + ";", "iprev=pass (mx.good.test) policy.iprev=198.18.1.10;",
		"spf=pass smtp.mailfrom=good.test;", "dkim=pass header.d=good.test", "dmarc=pass (p=reject) header.from=good.test",
		"Received: from mx.good.test ([198.18.1.10])"} {
		if !strings.Contains(got, s) {
			t.Errorf("%q is not in\n%s", s, got)
		}
	}
	// Each proof alone is enough.
	want(t, "SPF alone", w.send(t, p, "gina@good.test", alice, by("gina@good.test", "by its address")), 250)
	other := w.named("198.18.1.11", "mx.forwarder.test")
	want(t, "DKIM alone", w.send(t, other, "x@forwarder.test", alice, signed(t, "good.test", by("gina@good.test", "by its signature"))), 250)
	w.filed(t, alice, "INBOX", "by its address")
	w.filed(t, alice, "INBOX", "by its signature")
}

// forged is each way of writing what is not one's own, by a server that is in
// order otherwise.
func (w *world) forged(t *testing.T) {
	p := w.named("198.18.2.10", "mx.evil.test")
	broken := strings.Replace(signed(t, "good.test", by("gina@good.test", "forged: changed")), "Hello.", "Pay me.", 1)
	for _, c := range []struct {
		subject, from, octets, mailbox string // "": refused
		code                           int
		words                          string
	}{
		{"forged: reject", "reject@evil.test", by("ceo@reject.test", "forged: reject"), "", 550, "DMARC policy of reject.test"},
		{"forged: aligned with nothing", "unaligned@evil.test", signed(t, "evil.test", by("gina@good.test", "forged: aligned with nothing")), "", 550, "DMARC policy of good.test"},
		{"forged: changed", "changed@evil.test", broken, "", 550, "DMARC policy of good.test"},
		{"forged: subdomain", "sub@evil.test", by("ceo@mail.reject.test", "forged: subdomain"), "", 550, "DMARC policy of mail.reject.test"},
		{"forged: our author", "author@evil.test", by("boss@example.test", "forged: our author"), "", 550, "those who log in"},
		{"forged: our sender", "boss@example.test", by("x@evil.test", "forged: our sender"), "", 550, "those who log in"},
		{"forged: two", "two@evil.test", "From: <boss@example.test>\r\n" + by("x@evil.test", "forged: two"), "", 554, "more than one From"},
		{"forged: quarantine", "quarantine@evil.test", by("ceo@junk.test", "forged: quarantine"), "Junk", 250, ""},
		{"forged: SPF", "x@strict.test", by("x@strict.test", "forged: SPF"), "Junk", 250, ""},
		{"forged: nobody", "nobody@evil.test", "Subject: forged: nobody\r\nMessage-ID: <n@x.test>\r\n\r\nHello.\r\n", "Junk", 250, ""},
	} {
		want(t, c.subject, w.send(t, p, c.from, alice, c.octets), c.code, c.words)
		w.filed(t, alice, c.mailbox, c.subject)
	}
}
