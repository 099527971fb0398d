package acme

import (
	"strings"
	"testing"
	"time"
)

const (
	name = "mail.example.test"
	days = 24 * time.Hour
)

func TestIssueServeRenew(t *testing.T) {
	w := newWorld(t, name)
	a, b := w.node(t), w.node(t)
	must(t, a.renewDue(t.Context()))
	must(t, b.renewDue(t.Context()))
	must(t, b.Load(t.Context()))
	if w.issued != 1 || serial(a, name) == "" || serial(a, name) != serial(b, "MAIL.example.test.") {
		t.Fatalf("%d issued; the nodes show %q and %q", w.issued, serial(a, name), serial(b, name))
	}
	if a.Certificate("other.test") != nil {
		t.Error("a name without a certificate has one")
	}
	first := serial(a, name)
	w.clock = w.clock.Add(59 * days)
	must(t, b.renewDue(t.Context()))
	if w.issued != 1 {
		t.Error("renewed before the last third of its life")
	}
	w.clock = w.clock.Add(2 * days)
	must(t, b.renewDue(t.Context()))
	must(t, a.Load(t.Context()))
	if w.issued != 2 || serial(a, name) == first || serial(a, name) != serial(b, name) {
		t.Errorf("%d issued; the nodes show %q and %q after %q", w.issued, serial(a, name), serial(b, name), first)
	}
}

func TestFailureKeepsTheOldOne(t *testing.T) {
	w := newWorld(t, name)
	a, b := w.node(t), w.node(t)
	must(t, a.renewDue(t.Context()))
	first := serial(a, name)
	w.err, w.clock = errAway, w.clock.Add(61*days)
	must(t, a.renewDue(t.Context()))
	must(t, b.renewDue(t.Context())) // the pause is everybody's
	must(t, b.Load(t.Context()))
	row := w.row(t, name)
	if row.Failures != 1 || row.Error != errAway.Error() || !row.RetryAt.Equal(w.clock.Add(firstRetry)) {
		t.Errorf("%+v", row)
	}
	if serial(a, name) != first || serial(b, name) != first {
		t.Error("the old certificate is gone")
	}
	logs := w.logs.String()
	if strings.Count(logs, "level=WARN") != 1 || !strings.Contains(logs, "the old one stays") || !strings.Contains(logs, "good_until=") || !strings.Contains(logs, "hint=") {
		t.Errorf("the log: %s", logs)
	}
	for n := range 12 { // the pauses grow, and end somewhere
		w.clock = w.row(t, name).RetryAt
		must(t, b.renewDue(t.Context()))
		if got, want := w.row(t, name).RetryAt.Sub(w.clock), min(firstRetry<<(n+1), lastRetry); got != want {
			t.Errorf("after failure %d a pause of %v, want %v", n+2, got, want)
		}
	}
	w.err = nil
	must(t, a.renewDue(t.Context()))
	if serial(a, name) != first {
		t.Error("tried before the pause was over")
	}
	must(t, w.store.AskRenewal(t.Context(), "test", name)) // an administrator need not wait
	must(t, a.renewDue(t.Context()))
	if row := w.row(t, name); serial(a, name) == first || row.Error != "" || row.Failures != 0 || !row.RenewAskedAt.IsZero() {
		t.Errorf("after the cure: %+v", row)
	}
}

func TestOneAttemptAtATime(t *testing.T) {
	w := newWorld(t, name)
	a := w.node(t)
	held, err := w.store.TakeACMELock(t.Context(), "renew "+name, 7, time.Minute)
	if err != nil || !held {
		t.Fatal(held, err)
	}
	must(t, a.renewDue(t.Context()))
	if w.issued != 0 {
		t.Error("issued while another node was at it")
	}
	must(t, w.store.FreeACMELock(t.Context(), "renew "+name, 7))
	must(t, a.renewDue(t.Context()))
	if w.issued != 1 {
		t.Error("not issued after the other node gave up")
	}
}

// TestCrashAfterIssue: the authority has answered, and nobody has put the
// answer into the table.
func TestCrashAfterIssue(t *testing.T) {
	w := newWorld(t, name)
	w.last[name] = w.make(name)
	a := w.node(t)
	must(t, a.renewDue(t.Context()))
	if w.issued != 0 || serial(a, name) == "" {
		t.Errorf("%d issued, %q is shown", w.issued, serial(a, name))
	}
	w.clock = w.clock.Add(61 * days) // what was left is due itself
	must(t, a.renewDue(t.Context()))
	if w.issued != 1 {
		t.Errorf("%d issued", w.issued)
	}
}

func TestAnotherDirectory(t *testing.T) {
	w := newWorld(t, name)
	must(t, w.node(t).renewDue(t.Context()))
	w.last = map[string][]byte{} // the client keeps them by authority
	moved := w.node(t, func(c *Config) { c.Directory = "https://other.test/dir" })
	must(t, moved.renewDue(t.Context()))
	if w.issued != 2 || w.row(t, name).Directory != "https://other.test/dir" {
		t.Errorf("%d issued, from %s", w.issued, w.row(t, name).Directory)
	}
}

func TestNamesComeAndGo(t *testing.T) {
	w := newWorld(t, name, "mta-sts.example.test", "new.example.test")
	a := w.node(t)
	must(t, a.renewDue(t.Context()))
	w.names, w.clock = []string{name}, w.clock.Add(namesEvery)
	must(t, a.renewDue(t.Context()))
	must(t, a.Load(t.Context()))
	if serial(a, "mta-sts.example.test") == "" {
		t.Error("a certificate that is still good was dropped")
	}
	w.clock = w.clock.Add(91 * days)
	must(t, a.renewDue(t.Context()))
	must(t, a.Load(t.Context()))
	if serial(a, "mta-sts.example.test") != "" || w.issued != 4 || serial(a, name) == "" {
		t.Errorf("after its end: %d issued", w.issued)
	}
}

func TestUnreadableCertificateIsToldOnce(t *testing.T) {
	w := newWorld(t, name)
	a := w.node(t)
	must(t, a.renewDue(t.Context()))
	first := serial(a, name)
	c := w.row(t, name)
	c.Sealed = w.key.Seal(sealedTable, "another row", w.make(name))
	must(t, w.store.SaveCertificate(t.Context(), c, w.key.Fingerprint()))
	must(t, a.Load(t.Context()))
	must(t, a.Load(t.Context()))
	if n := strings.Count(w.logs.String(), "certificate not loaded"); serial(a, name) != first || n != 1 {
		t.Errorf("told %d times, %q is shown", n, serial(a, name))
	}
}
