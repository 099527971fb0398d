package smtpd

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"postroom/internal/mail"
)

// pitWire is a connection from an address, of a server that does not sleep.
func pitWire(s *Server, ip string) *wire {
	return &wire{srv: s, ctx: context.Background(), counts: &counts{}, peer: &mail.Session{Peer: netip.AddrPortFrom(netip.MustParseAddr(ip), 4711)}}
}

func pitServer(l Limits) *Server {
	s := &Server{cfg: Config{Limits: l.withDefaults()}}
	s.cfg.SharedPeers = func(a netip.Addr) bool { return a == netip.MustParseAddr("172.17.0.1") }
	s.tarpit = newTarpit(s.cfg.Limits)
	return s
}

// errs makes n errors and gives the delay of the last, in seconds.
func errs(w *wire, n, code int) float64 {
	var d time.Duration
	for range n {
		w.counts.errors++
		d = w.srv.tarpit.miss(w, code)
	}
	return d.Seconds()
}

func TestDelaysGrow(t *testing.T) {
	s := pitServer(Limits{SoftErrors: 10})
	w := pitWire(s, "192.0.2.1")
	for _, step := range []struct {
		more int
		want float64
	}{{10, 0}, {1, 1}, {2, 1}, {1, 2}, {3, 4}, {3, 8}, {3, 10}, {30, 10}} {
		if got := errs(w, step.more, 550); got != step.want {
			t.Errorf("error %d waits %g s, want %g", w.counts.errors, got, step.want)
		}
	}
}

func TestClientsAreKnownAgain(t *testing.T) {
	s := pitServer(Limits{SoftErrors: 5})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.tarpit.now = func() time.Time { return now }
	errs(pitWire(s, "192.0.2.1"), 16, 550)
	errs(pitWire(s, "2001:db8::1"), 16, 550)
	errs(pitWire(s, "172.17.0.1"), 16, 550)
	errs(pitWire(s, "192.0.2.3"), 16, 451)
	for ip, want := range map[string]float64{
		"192.0.2.1": 8, "192.0.2.2": 0,
		"2001:db8::2": 8, // the same /64
		"172.17.0.1":  0, // stands for anybody
		"192.0.2.3":   0, // was only told to come again
	} {
		if got := errs(pitWire(s, ip), 1, 550); got != want {
			t.Errorf("%s: a first error waits %g s, want %g", ip, got, want)
		}
	}
	s.tarpit.forgive(netip.MustParseAddr("192.0.2.1")) // its message was taken
	if got := errs(pitWire(s, "192.0.2.1"), 1, 550); got != 2 {
		t.Errorf("after a message %g s", got)
	}
	now = now.Add(61 * time.Minute)
	if got := errs(pitWire(s, "2001:db8::1"), 1, 550); got != 0 {
		t.Errorf("an hour later %g s", got)
	}
}

func TestAccountsAreNotDelayed(t *testing.T) {
	w := pitWire(pitServer(Limits{SoftErrors: 1}), "192.0.2.1")
	w.peer.Account = 7
	if got := errs(w, 50, 550); got != 0 {
		t.Errorf("waits %g s", got)
	}
}

func TestOnlySoManyAreDelayed(t *testing.T) {
	s := pitServer(Limits{Delayed: 2})
	sleeping, wake := make(chan struct{}, 9), make(chan struct{})
	s.sleep = func(context.Context, time.Duration) { sleeping <- struct{}{}; <-wake }
	done := make(chan struct{}, 9)
	for range 2 {
		go func() { s.tarpit.hold(pitWire(s, "192.0.2.1"), time.Second); done <- struct{}{} }()
		<-sleeping
	}
	s.tarpit.hold(pitWire(s, "192.0.2.1"), time.Second) // returns at once
	close(wake)
	<-done
	<-done
	s.tarpit.hold(pitWire(s, "192.0.2.1"), time.Second)
	if len(sleeping) != 1 {
		t.Error("there is room again, and nobody is delayed")
	}
}
