package queue_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postroom/delivery/queue"
	"postroom/delivery/relay"
	"postroom/internal/mail"
)

func TestTwoWorkersSendEachOnce(t *testing.T) {
	o := newOffice(t, nil)
	for i := range 60 {
		d := "d" + string(rune('0'+i%6)) + ".out.test"
		o.send("alice@example.test", rcpt("x@"+d, 0), rcpt("y@"+d, 0))
	}
	for range 2 {
		o.work(func(c *queue.Config) { c.Batch, c.PerDestination = 7, 2 })
	}
	until(t, "an empty queue", o.empty)
	counts := o.sink.counts()
	if len(counts) != 120 {
		t.Errorf("%d different copies arrived, not 120", len(counts))
	}
	for what, n := range counts {
		if n != 1 {
			t.Errorf("%.40s arrived %d times", what, n)
		}
	}
	if o.sink.sessions > 60 || o.sink.mostOpen > 2*2*6 {
		t.Errorf("%d connections, %d at once", o.sink.sessions, o.sink.mostOpen)
	}
	if n := o.count(`SELECT count(*) FROM queue_messages`); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

func TestOneConnectionCarriesManyMessages(t *testing.T) {
	o := newOffice(t, nil)
	for range 30 {
		o.send("alice@example.test", rcpt("x@out.test", 0))
	}
	o.work(func(c *queue.Config) { c.PerDestination, c.PerConnection = 1, 10 })
	until(t, "an empty queue", o.empty)
	if o.sink.sessions != 3 || o.sink.mostOpen != 1 {
		t.Errorf("%d connections, %d at once", o.sink.sessions, o.sink.mostOpen)
	}
}

func TestConnectionWaitsAMomentForMore(t *testing.T) {
	o := newOffice(t, nil)
	o.work(func(c *queue.Config) { c.KeepIdle, c.PerDestination = time.Hour, 1 })
	for range 5 {
		o.send("alice@example.test", rcpt("x@out.test", 0))
		until(t, "an empty queue", o.empty)
	}
	if o.sink.sessions != 1 {
		t.Errorf("%d connections", o.sink.sessions)
	}
}

func TestClosedIdleConnectionIsReplaced(t *testing.T) {
	o := newOffice(t, nil)
	o.work(func(c *queue.Config) { c.KeepIdle, c.PerDestination = time.Hour, 1 })
	o.send("alice@example.test", rcpt("x@out.test", 0))
	until(t, "an empty queue", o.empty)
	o.sink.hangUp()
	trace := o.send("alice@example.test", rcpt("y@out.test", 0))
	until(t, "an empty queue", o.empty)
	if n := o.count(`SELECT count(*) FROM delivery_events WHERE trace_id = $1 AND kind = 'deferred'`, trace); n != 0 || o.sink.sessions != 2 {
		t.Errorf("deferred %d times, %d connections", n, o.sink.sessions)
	}
}

func TestEachRecipientItsOutcome(t *testing.T) {
	o := newOffice(t, nil)
	o.sink.refuse = func(to string) error {
		switch {
		case strings.HasPrefix(to, "gone"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody"}
		case strings.HasPrefix(to, "later"):
			return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "busy"}
		}
		return nil
	}
	trace := o.send("alice@example.test", rcpt("fine@out.test", 0), rcpt("gone@out.test", 0), rcpt("later@out.test", 0))
	o.work(nil)
	until(t, "one entry, tried once", func() bool {
		return o.queued() == 1 && o.count(`SELECT sum(attempts) FROM queue_entries`) == 1
	})
	if n := o.count(`SELECT count(*) FROM queue_entries WHERE recipient = 'later@out.test' AND state = 'ready' AND last_code = 450
		AND last_status = '4.2.1' AND last_text = 'busy' AND next_attempt_at BETWEEN now() + interval '3 min' AND now() + interval '7 min'`); n != 1 {
		t.Error("the deferred entry is not as it should be")
	}
	if o.dsns(mail.DSNFailure) != 1 || o.dsns(mail.DSNDelay) != 0 {
		t.Errorf("%d failure DSNs", o.dsns(mail.DSNFailure))
	}
	events, err := o.store.Timeline(t.Context(), trace)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range events {
		said = append(said, string(e.Kind)+" "+e.Recipient)
	}
	for _, want := range []string{"delivered fine@out.test", "failed gone@out.test", "deferred later@out.test", "dsn gone@out.test"} {
		if !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("the timeline lacks %q: %q", want, said)
		}
	}
}

func TestWhoGetsWhichDSN(t *testing.T) {
	o := newOffice(t, nil)
	o.sink.refuse = func(to string) error {
		if strings.HasPrefix(to, "gone") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "nobody"}
		}
		return nil
	}
	o.send("", rcpt("gone@out.test", mail.NotifyFailure))                      // null reverse-path
	o.send("alice@example.test", rcpt("gone1@out.test", mail.NotifyNever))     // never
	o.send("alice@example.test", rcpt("gone2@out.test", mail.NotifySuccess))   // failure not asked for
	o.send("alice@example.test", rcpt("fine@out.test", 0))                     // success not asked for
	o.send("alice@example.test", rcpt("gone3@out.test", mail.NotifyFailure))   // told
	o.send("alice@example.test", rcpt("success@out.test", mail.NotifySuccess)) // told: this sink has no DSN
	o.send("bob@d1.out.test", rcpt("gone4@out.test", 0))                       // told by mail
	o.work(nil)
	until(t, "an empty queue", o.empty)
	if f, s := o.dsns(mail.DSNFailure), o.dsns(mail.DSNSuccess); f != 1 || s != 1 {
		t.Errorf("%d failure and %d success DSNs", f, s)
	}
	remote := 0
	for _, m := range o.sink.messages() {
		if m.from == "" {
			remote++
			if m.to[0] != "bob@d1.out.test" {
				t.Errorf("a DSN went to %v", m.to)
			}
		}
	}
	if remote != 1 {
		t.Errorf("%d DSNs went out", remote)
	}
}

func TestNextHopWithDSNReportsItself(t *testing.T) {
	o := newOffice(t, func(o *office, rc *relay.Config) {
		o.sink = newSink(t, true)
		rc.Port = o.sink.port
	})
	o.send("alice@example.test", rcpt("success@out.test", mail.NotifySuccess))
	o.work(nil)
	until(t, "an empty queue", o.empty)
	if n := o.dsns(mail.DSNSuccess); n != 0 {
		t.Errorf("%d DSNs of ours", n)
	}
}

func TestDelayAndExpiry(t *testing.T) {
	o := newOffice(t, nil)
	o.sink.refuse = func(string) error { return &smtp.SMTPError{Code: 450, Message: "busy"} }
	o.send("alice@example.test", rcpt("x@out.test", 0))
	o.send("alice@example.test", rcpt("quiet@d1.out.test", mail.NotifyFailure))
	tried := func(n int) func() bool {
		return func() bool {
			return o.count(`SELECT count(*) FROM queue_entries WHERE attempts = $1 AND state = 'ready'`, n) == 2
		}
	}
	o.work(nil)
	until(t, "a first attempt", tried(1))
	age := func(interval string) {
		o.exec(`UPDATE queue_messages SET created_at = now() - $1::text::interval`, interval)
		o.exec(`UPDATE queue_entries SET next_attempt_at = now()`)
	}
	age("4 hours")
	until(t, "a second attempt", tried(2))
	age("6 hours")
	until(t, "a third attempt", tried(3))
	if n := o.dsns(mail.DSNDelay); n != 1 {
		t.Errorf("%d delay DSNs", n)
	}
	o.exec(`UPDATE queue_messages SET expires_at = now()`)
	age("5 days")
	until(t, "an empty queue", o.empty)
	if n := o.dsns(mail.DSNFailure); n != 2 {
		t.Errorf("%d failure DSNs", n)
	}
}

func TestDeadWorkersLeaseIsTakenOver(t *testing.T) {
	o := newOffice(t, nil)
	o.send("alice@example.test", rcpt("x@out.test", 0))
	if got, err := o.store.LeaseDue(t.Context(), mail.LeaseArgs{For: time.Hour}); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	o.work(nil)
	before := o.store.leases.Load()
	until(t, "a few looks", func() bool { return o.store.leases.Load() > before+3 })
	if len(o.sink.messages()) != 0 {
		t.Fatal("sent under another's lease")
	}
	o.exec(`UPDATE queue_entries SET lease_until = now() - interval '1 second'`)
	until(t, "an empty queue", o.empty)
	if n := len(o.sink.messages()); n != 1 {
		t.Errorf("%d copies", n)
	}
}

// TestKilledBetweenAcceptAndSettle is the window that docs/queue.md names:
// another worker sends again, and the first one's outcome is refused.
func TestKilledBetweenAcceptAndSettle(t *testing.T) {
	o := newOffice(t, nil)
	o.send("alice@example.test", rcpt("x@out.test", 0))
	reached, goOn := make(chan struct{}), make(chan struct{})
	_, stopFirst := o.work(func(c *queue.Config) {
		c.Connections = 1 // or it would take the entry from itself
		c.Hook = func(point string) {
			if point == "relay.accepted" {
				close(reached)
				<-goOn
			}
		}
	})
	<-reached
	o.exec(`UPDATE queue_entries SET lease_until = now() - interval '1 second'`)
	o.work(nil)
	until(t, "an empty queue", o.empty)
	close(goOn)
	stopFirst()
	if n := len(o.sink.messages()); n != 2 {
		t.Errorf("%d copies", n)
	}
	if n := o.count(`SELECT count(*) FROM delivery_events WHERE kind = 'delivered'`); n != 1 {
		t.Errorf("%d delivered events", n)
	}
}

func TestOutcomeIsKeptUntilItIsWritten(t *testing.T) {
	o := newOffice(t, nil)
	o.store.failSettles.Store(3)
	o.send("alice@example.test", rcpt("x@out.test", 0))
	o.work(func(c *queue.Config) { c.Connections = 4 })
	until(t, "a message taken", func() bool { return len(o.sink.messages()) == 1 })
	o.send("alice@example.test", rcpt("y@d1.out.test", 0))
	until(t, "the outcome written", func() bool { return o.store.failSettles.Load() <= 0 })
	until(t, "an empty queue", o.empty)
	if n := len(o.sink.messages()); n != 2 {
		t.Errorf("%d copies", n)
	}
}

func TestLeaseIsRenewedWhileThePeerThinks(t *testing.T) {
	o := newOffice(t, nil)
	goOn := make(chan struct{})
	o.sink.before = func() { <-goOn }
	o.send("alice@example.test", rcpt("x@out.test", 0))
	o.cfg.Lease = 1500 * time.Millisecond
	o.cfg.Relay = relayWith(o, 10*time.Minute)
	o.work(nil)
	// The lease cannot outlive ten minutes of reply time: nothing may be ended.
	until(t, "an attempt given up", func() bool { return o.count(`SELECT count(*) FROM queue_entries WHERE attempts = 1`) == 1 })
	if n := len(o.sink.messages()); n != 0 {
		t.Errorf("%d copies went out under a short lease", n)
	}
	o2 := newOffice(t, nil)
	o2.sink.before = func() { <-goOn }
	o2.send("alice@example.test", rcpt("x@out.test", 0))
	o2.cfg.Lease = 6 * time.Second
	o2.cfg.Relay = relayWith(o2, 5*time.Second)
	for range 2 {
		o2.work(nil)
	}
	until(t, "a renewal", func() bool { return o2.store.renewals.Load() >= 1 })
	close(goOn)
	until(t, "an empty queue", o2.empty)
	if n := len(o2.sink.messages()); n != 1 {
		t.Errorf("%d copies", n)
	}
}

func TestShutdownFinishesWhatRuns(t *testing.T) {
	o := newOffice(t, nil)
	reached, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o.sink.before = func() {
		once.Do(func() { close(reached) })
		<-goOn
	}
	for range 3 {
		o.send("alice@example.test", rcpt("x@out.test", 0))
	}
	_, stop := o.work(func(c *queue.Config) { c.PerDestination = 1 })
	<-reached
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	until(t, "the others given back", func() bool {
		select {
		case <-goOn:
		default:
			close(goOn)
		}
		select {
		case <-stopped:
			return true
		default:
			return false
		}
	})
	sent := len(o.sink.messages())
	if sent == 0 || o.count(`SELECT count(*) FROM queue_entries WHERE state = 'ready' AND attempts = 0`) != 3-sent {
		t.Errorf("%d sent, %d left", sent, o.queued())
	}
}

// A worker that is told to stop while it leases gives back what it leased:
// nothing stays taken until the lease runs out.
func TestShutdownWhileItLeases(t *testing.T) {
	o := newOffice(t, nil)
	for range 3 {
		o.send("alice@example.test", rcpt("x@out.test", 0))
	}
	ctx, stop := context.WithCancel(t.Context())
	o.store.leased = stop
	queue.New(o.cfg).Run(ctx)
	if n := o.count(`SELECT count(*) FROM queue_entries WHERE state = 'ready' AND attempts = 0`); n != 3 {
		t.Errorf("%d of 3 entries are ready, %d are still queued", n, o.queued())
	}
}

func TestBlockedPort(t *testing.T) {
	var mu sync.Mutex
	blocked := true
	o := newOffice(t, func(o *office, rc *relay.Config) {
		rc.Dial = func(ctx context.Context, _ netip.Addr, to netip.AddrPort) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if blocked {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
			}
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		}
	})
	w, _ := o.work(nil)
	for _, d := range []string{"d0", "d1"} {
		o.send("alice@example.test", rcpt("x@"+d+".out.test", 0))
	}
	until(t, "two attempts", func() bool { return o.count(`SELECT count(*) FROM queue_entries WHERE attempts = 1`) == 2 })
	if since, _ := w.Blocked(); !since.IsZero() {
		t.Error("two dead hosts are no blocked port")
	}
	o.send("alice@example.test", rcpt("x@d2.out.test", 0))
	var kept queue.Blocked
	until(t, "the port called blocked", func() bool {
		ok, err := o.store.Setting(t.Context(), queue.SettingBlocked, &kept)
		return ok && err == nil
	})
	if since, where := w.Blocked(); since.IsZero() || len(where) != 3 || len(kept.Destinations) != 3 {
		t.Errorf("blocked since %v: %v; kept %v", since, where, kept)
	}
	mu.Lock()
	blocked = false
	mu.Unlock()
	o.send("alice@example.test", rcpt("x@d3.out.test", 0))
	until(t, "the port called open", func() bool {
		ok, err := o.store.Setting(t.Context(), queue.SettingBlocked, &kept)
		return !ok && err == nil
	})
	if since, _ := w.Blocked(); !since.IsZero() {
		t.Error("still blocked")
	}
}

func TestUnreachableDomains(t *testing.T) {
	o := newOffice(t, nil)
	o.dns.Add("null.out.test. 60 IN MX 0 .")
	o.send("alice@example.test", rcpt("x@absent.test", 0))
	o.send("alice@example.test", rcpt("x@null.out.test", 0))
	o.work(nil)
	until(t, "an empty queue", o.empty)
	if n := o.dsns(mail.DSNFailure); n != 2 {
		t.Errorf("%d failure DSNs", n)
	}
	if n := o.count(`SELECT count(*) FROM delivery_events WHERE kind = 'failed' AND text LIKE '%5.1.2%' OR text LIKE '556 5.1.10%'`); n != 2 {
		t.Errorf("%d failures with the right status", n)
	}
}

func TestOrphansAreReleasedFirst(t *testing.T) {
	o := newOffice(t, nil)
	called := make(chan struct{})
	o.work(func(c *queue.Config) {
		c.ReleaseOrphans = func(context.Context) (int, error) {
			if o.store.leases.Load() != 0 {
				t.Error("leased before")
			}
			close(called)
			return 0, errors.New("no")
		}
	})
	<-called
	o.send("alice@example.test", rcpt("x@out.test", 0))
	until(t, "an empty queue", o.empty)
}

// TestQueueIsReadWhenSomethingCame: the end of a run is no reason to lease when
// nothing waited for it.
func TestQueueIsReadWhenSomethingCame(t *testing.T) {
	o := newOffice(t, nil)
	_, stop := o.work(func(c *queue.Config) { c.Poll = time.Minute })
	const messages = 10
	for n := range messages {
		o.send("alice@example.test", rcpt("x@out.test", 0))
		until(t, "the message", func() bool { return len(o.sink.counts()) == n+1 && o.empty() })
	}
	stop()
	if n := o.store.leases.Load(); n > messages+2 {
		t.Errorf("%d messages cost %d leases", messages, n)
	}
}
