package strangers

import (
	"fmt"
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

// limits names as many recipients as it takes: more than an account gets from
// strangers in a minute, then more than an address may name.
func (w *world) limits(t *testing.T) {
	c := w.dial(t, w.named("198.18.3.10", "mx.busy.test"))
	people := []string{"grace@example.test", "frank@example.test", "carol@example.test", "dan@example.test", "eve@example.test"}
	at, full, begun := 0, 0, false
	for n := range 4000 { // a minute may end on the way, and all counts with it
		if n%900 == 0 {
			for _, cmd := range []string{"RSET", "MAIL FROM:<list@busy.test>"} {
				if r, err := c.Cmd("%s", cmd); err != nil || r.Err() != nil {
					t.Fatal(cmd, r, err)
				}
			}
		}
		r, err := c.Cmd("RCPT TO:<%s>", people[at])
		switch {
		case err != nil || r.Code == 250:
			begun = begun || err == nil
		case r.Code == 451 && strings.Contains(r.Text, "for this recipient"):
			at, full = (at+1)%len(people), full+1
		case r.Code == 451 && strings.Contains(r.Text, "from this address") && begun && full > 0:
			want(t, "its neighbour", w.rcpt(t, w.named("198.18.3.11", "mx2.busy.test"), "list@busy.test", alice), 250)
			return
		default:
			t.Fatalf("recipient %d: %v", n, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("no limit was met, %d of recipients", full)
}

// tarpit guesses names. The further errors wait: one second each, then two.
func (w *world) tarpit(t *testing.T) {
	c := w.dial(t, w.named("198.18.4.10", "mx.guess.test"))
	if r, err := c.Cmd("MAIL FROM:<x@guess.test>"); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	var took []float64
	fastest := 60.0
	for n := range 14 {
		r, seconds, err := timed(c, fmt.Sprintf("RCPT TO:<guess%d@example.test>", n))
		if err != nil {
			t.Fatal(err)
		}
		want(t, "a guess", r, 550, "5.1.1")
		if took = append(took, seconds); n < 10 {
			fastest = min(fastest, seconds)
		}
	}
	if fastest >= 1 || took[10] < 1 || took[13] < 2 {
		t.Errorf("the replies took %.2f s", took)
	}
}
