package delivery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/delivery"
	"postroom/internal/mail"
)

func limited(t *testing.T, l delivery.ReceiveLimits) *house {
	t.Helper()
	return street(t, &world{}, func(r *delivery.Receiving) { r.Limits, r.Greylist = l, false })
}

func TestGuessingNamesIsStopped(t *testing.T) {
	h := limited(t, delivery.ReceiveLimits{Address: delivery.ReceiveLimit{RefusedPerHour: 3}, Network: delivery.ReceiveLimit{RefusedPerHour: 5}})
	for i := range 3 {
		h.want(h.rcpt("192.0.2.1", "x@out.test", fmt.Sprintf("no%d@example.test", i)), mail.CodeNoSuchUser, "")
	}
	for _, to := range []string{"alice@example.test", "no4@example.test"} { // whether it exists is not told
		h.want(h.rcpt("192.0.2.1", "x@out.test", to), mail.CodeDeferred, "too much mail from this address, try again in 1800 s")
	}
	h.taken(h.rcpt("192.0.2.2", "x@out.test", "alice@example.test"))
	for i := range 2 {
		h.want(h.rcpt("192.0.2.2", "x@out.test", fmt.Sprintf("x%d@else.test", i)), mail.CodeRelayDenied, "")
	}
	h.want(h.rcpt("192.0.2.3", "x@out.test", "alice@example.test"), mail.CodeDeferred, "from this network")
	h.taken(h.rcpt("192.0.3.1", "x@out.test", "alice@example.test"))
	for i := range 9 {
		h.want(h.rcpt("127.0.0.1", "x@out.test", fmt.Sprintf("no%d@example.test", i)), mail.CodeNoSuchUser, "")
	}
	h.after(30 * time.Minute)
	h.taken(h.rcpt("192.0.2.1", "x@out.test", "alice@example.test"))
}

func TestRatesOfPeersAndRecipients(t *testing.T) {
	letter := "From: x@out.test\r\n\r\nHi.\r\n"
	for name, tc := range map[string]struct {
		limits delivery.ReceiveLimits
		n      int // that are taken, from different networks where ips say so
		ip     string
		text   string
		later  time.Duration
	}{
		"messages a minute":   {delivery.ReceiveLimits{Address: delivery.ReceiveLimit{MessagesPerMinute: 2}}, 2, "203.0.113.1", "from this address, try again in 60 s", time.Minute},
		"messages an hour":    {delivery.ReceiveLimits{Network: delivery.ReceiveLimit{MessagesPerHour: 2}}, 2, "203.0.113.1", "from this network", 30 * time.Minute},
		"recipients a minute": {delivery.ReceiveLimits{Address: delivery.ReceiveLimit{RecipientsPerMinute: 3}}, 3, "203.0.113.1", "from this address", time.Minute},
		"of a suspect's sender": {delivery.ReceiveLimits{Sender: delivery.ReceiveLimit{MessagesPerHour: 2}}, 2, "192.0.2.1",
			"from this domain", 30 * time.Minute},
		"for a recipient": {delivery.ReceiveLimits{Recipient: delivery.ReceiveLimit{RecipientsPerHour: 2}}, 2, "203.0.113.1", "for this recipient", 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			h := limited(t, tc.limits)
			for range tc.n {
				h.mustSend(peering(tc.ip), envelope("x@out.test", "alice@example.test"), letter)
			}
			_, err := h.send(peering(tc.ip), envelope("x@out.test", "alice@example.test"), letter)
			h.want(err, mail.CodeDeferred, tc.text)
			h.after(tc.later)
			h.mustSend(peering(tc.ip), envelope("x@out.test", "alice@example.test"), letter)
		})
	}
}

func TestWhoIsNotHeldUp(t *testing.T) {
	h := limited(t, delivery.ReceiveLimits{Sender: delivery.ReceiveLimit{RecipientsPerHour: 1}, Recipient: delivery.ReceiveLimit{RecipientsPerHour: 3}})
	if err := h.write("friend@out.test"); err != nil {
		t.Fatal(err)
	}
	for range 3 { // no suspect: others may forge its domain as they like
		h.taken(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"))
	}
	h.want(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "for this recipient")
	h.taken(h.rcpt("203.0.113.1", "friend@out.test", "alice@example.test"))
	h.taken(h.rcpt("127.0.0.1", "x@out.test", "alice@example.test"))
	h.rule("", "203.0.113.0/24", true, 0)
	h.taken(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"))

	h = limited(t, delivery.ReceiveLimits{Address: delivery.ReceiveLimit{RecipientsPerHour: 1}})
	h.rule("out.test", "", true, 0)
	h.taken(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"))
	h.want(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "from this address") // anybody can write it
	h.rule("", "203.0.113.0/24", true, 0)
	h.taken(h.rcpt("203.0.113.1", "x@out.test", "alice@example.test"))
}

func TestNodesLearnOfEachOther(t *testing.T) {
	h := limited(t, delivery.ReceiveLimits{Address: delivery.ReceiveLimit{RefusedPerHour: 4}})
	two := newHouseOn(t, h.store)
	two.cfg.Receiving = h.cfg.Receiving
	two.Delivery = delivery.New(two.cfg, two.store, two.spool, nil)
	flush := func() {
		t.Helper()
		for _, d := range []*delivery.Delivery{h.Delivery, two.Delivery, h.Delivery} {
			if err := d.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 {
		h.want(h.rcpt("192.0.2.1", "x@out.test", "no@example.test"), mail.CodeNoSuchUser, "")
		h.want(two.rcpt("192.0.2.1", "x@out.test", "no@example.test"), mail.CodeNoSuchUser, "")
	}
	flush()
	h.want(two.rcpt("192.0.2.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "from this address")
	flush()
	if n := h.count(`SELECT refused FROM peer_hours WHERE subject = 'ip:192.0.2.1'`); n != 4 {
		t.Errorf("the store counts %d", n)
	}
}

// A network from which much was refused is a suspect, though its peers look
// like mail servers.
func TestBadHistoryMakesASuspect(t *testing.T) {
	h := street(t, &world{})
	for i := range 5 {
		h.want(h.rcpt("203.0.113.7", "x@out.test", fmt.Sprintf("no%d@example.test", i)), mail.CodeNoSuchUser, "")
	}
	h.want(h.rcpt("203.0.113.8", "x@out.test", "alice@example.test"), mail.CodeDeferred, "much from its network was refused")
}

func TestRejectsTellOfTheMessage(t *testing.T) {
	h := street(t, &world{})
	looped := "Delivered-To: alice@example.test\r\nFrom: Eve <eve@out.test>\r\nSubject: =?utf-8?q?B=C3=BCcher?=\r\n\tfor you\r\n\r\nHi.\r\n"
	for range 2 {
		_, err := h.send(peering("203.0.113.1"), envelope("x@out.test", "alice@example.test"), looped)
		h.want(err, mail.CodeLoop, "loop")
	}
	got := h.rejectsOf(h.alice)
	if len(got) != 1 || got[0].Count != 2 || got[0].From != "Eve <eve@out.test>" || got[0].Subject != "Bücher for you" || got[0].Trace == 0 ||
		!strings.Contains(got[0].Reason, "loop") {
		t.Errorf("%+v", got)
	}
}

func TestAFloodOfRejectsIsOneLine(t *testing.T) {
	h := street(t, &world{}, func(r *delivery.Receiving) { r.Limits.Address.RefusedPerHour = 1 << 20 })
	h.rule("bad.test", "", false, 0)
	for i := range 2500 {
		if i == 2499 {
			h.after(time.Second)
		}
		h.want(h.rcpt("203.0.113.1", fmt.Sprintf("s%d@bad.test", i), "alice@example.test"), mail.CodePolicy, "")
	}
	got := h.rejectsOf(h.alice)
	if len(got) != 500 {
		t.Fatalf("%d lines", len(got))
	}
	for _, r := range got {
		if r.Sender.IsNull() && r.Count == 500 {
			return
		}
	}
	t.Error("no line counts those beyond 2000")
}

func TestTheLastOnesAreWritten(t *testing.T) {
	h := street(t, &world{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	h.want(h.rcpt("192.0.2.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "")
	cancel()
	<-done
	if n := h.count(`SELECT count(*) FROM rejects WHERE account_id = $1`, h.alice); n != 1 {
		t.Errorf("%d rejects are written", n)
	}
}

// What the store does not take now is not counted twice, and not forgotten.
func TestCountsOutliveABrokenStore(t *testing.T) {
	h := limited(t, delivery.ReceiveLimits{Address: delivery.ReceiveLimit{RefusedPerHour: 3}})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		h.want(h.rcpt("192.0.2.1", "x@out.test", "no@example.test"), mail.CodeNoSuchUser, "")
		if err := h.Flush(gone); err == nil {
			t.Fatal("written with a context that is over")
		}
	}
	h.taken(h.rcpt("192.0.2.1", "x@out.test", "alice@example.test"))
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.count(`SELECT refused FROM peer_hours WHERE subject = 'ip:192.0.2.1'`); n != 2 {
		t.Errorf("the store counts %d", n)
	}
	h.want(h.rcpt("192.0.2.1", "x@out.test", "no@example.test"), mail.CodeNoSuchUser, "")
	h.want(h.rcpt("192.0.2.1", "x@out.test", "alice@example.test"), mail.CodeDeferred, "")
}
