package queue_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/delivery/queue"
)

// stepClock is the real time and what a test adds to it.
type stepClock struct{ ahead atomic.Int64 }

func (c *stepClock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *stepClock) step(d time.Duration) { c.ahead.Add(int64(d)) }

// One provider that says 421 is left alone, with all its domains, and no other.
func TestProviderThatSaysLaterIsSlowedAlone(t *testing.T) {
	o := newOffice(t, nil)
	o.dns.Add("far.example. 60 IN MX 10 mx.other.example.", "mx.other.example. 60 IN A 127.0.0.1")
	var kind atomic.Bool
	o.sink.refuse = func(to string) error {
		if strings.HasSuffix(to, ".out.test") && !kind.Load() {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 28}, Message: "too fast"}
		}
		return nil
	}
	var clock stepClock
	o.work(func(c *queue.Config) { c.Now, c.PerDestination = clock.now, 1 })
	for i := range 3 {
		o.send("alice@example.test", rcpt(fmt.Sprintf("x@d%d.out.test", i), 0))
		until(t, "deferred", func() bool { return o.count(`SELECT count(*) FROM queue_entries WHERE last_code = 421`) == i+1 })
	}
	o.send("alice@example.test", rcpt("x@d4.out.test", 0))
	o.send("alice@example.test", rcpt("x@d5.out.test", 0), rcpt("y@far.example", 0))
	postponed := `SELECT count(*) FROM queue_entries WHERE domain IN ('d4.out.test', 'd5.out.test') AND state = 'ready' AND attempts = 0
		AND next_attempt_at BETWEEN now() + interval '30 seconds' AND now() + interval '70 seconds'`
	until(t, "the other provider's mail, and postponed entries", func() bool {
		return len(o.sink.messages()) == 1 && o.count(postponed) == 2
	})
	if got := o.sink.messages()[0].to[0]; got != "y@far.example" {
		t.Errorf("delivered to %s", got)
	}
	kind.Store(true)
	clock.step(2 * time.Minute)
	o.exec(`UPDATE queue_entries SET next_attempt_at = now()`)
	o.send("alice@example.test", rcpt("z@d0.out.test", 0)) // wakes
	until(t, "an empty queue after the pause", o.empty)
	if n := o.count(`SELECT count(*) FROM delivery_events WHERE kind = 'deferred'`); n != 3 {
		t.Errorf("%d deferrals in the timelines, want the three that were said", n)
	}
}

func TestRateOfAProvider(t *testing.T) {
	o := newOffice(t, nil)
	for i := range 4 {
		o.send("alice@example.test", rcpt(fmt.Sprintf("%d@out.test", i), 0))
	}
	o.work(func(c *queue.Config) { c.Rate, c.PerDestination = 2, 1 })
	until(t, "one sent, and three at half a minute each", func() bool {
		return len(o.sink.messages()) == 1 && o.count(`SELECT count(*) FROM queue_entries WHERE state = 'ready' AND attempts = 0
			AND next_attempt_at > now() + interval '20 seconds'`) == 3
	})
	for i, secs := range []int{30, 60, 90} {
		if n := o.count(`SELECT count(*) FROM queue_entries WHERE abs(extract(epoch FROM next_attempt_at - now()) - $1) < 12`, secs); n != 1 {
			t.Errorf("postponed message %d: %d are due in about %d s", i, n, secs)
		}
	}
}

// A message whose time is over must not be postponed for ever.
func TestLastAttemptIsNotPostponed(t *testing.T) {
	o := newOffice(t, nil)
	o.sink.refuse = func(string) error {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too fast"}
	}
	o.work(func(c *queue.Config) { c.PerDestination = 1 })
	for i := range 3 {
		o.send("alice@example.test", rcpt(fmt.Sprintf("%d@out.test", i), 0))
		until(t, "deferred", func() bool { return o.count(`SELECT count(*) FROM queue_entries WHERE last_code = 421`) == i+1 })
	}
	o.exec(`UPDATE queue_messages SET expires_at = now()`)
	o.exec(`UPDATE queue_entries SET next_attempt_at = now()`)
	o.send("", rcpt("late@out.test", 0)) // wakes
	until(t, "the three failed", func() bool { return o.queued() == 1 })
}
