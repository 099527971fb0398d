package queue

import (
	"testing"
	"time"

	"postroom/delivery/relay"
	"postroom/internal/mail"
)

func TestBackoff(t *testing.T) {
	b := Backoff{First: 5 * time.Minute, Max: 4 * time.Hour}
	for n, want := range []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 80 * time.Minute,
		160 * time.Minute, 4 * time.Hour, 4 * time.Hour} {
		for _, r := range []float64{0, 0.5, 0.999} {
			b.Random = func() float64 { return r }
			if got := b.after(n); got < want*8/10 || got > want*12/10 {
				t.Errorf("after attempt %d: %v", n, got)
			}
		}
	}
	if got := b.after(1 << 40); got > 5*time.Hour {
		t.Errorf("after very many: %v", got)
	}
}

func TestFates(t *testing.T) {
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	alice := mail.Address{Local: "alice", Domain: "us.test"}
	for name, c := range map[string]struct {
		from    mail.Address
		notify  mail.Notify
		age     time.Duration
		tried   int
		delayed bool
		result  relay.Result
		outcome mail.Outcome
		report  mail.DSNKind
		next    time.Duration // age at the next attempt
	}{
		"first deferral":         {from: alice, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, next: 5 * time.Minute},
		"next at the delay DSN":  {from: alice, age: 155 * time.Minute, tried: 5, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, next: 4 * time.Hour},
		"delay DSN due":          {from: alice, age: 4 * time.Hour, tried: 6, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, report: mail.DSNDelay, next: 8 * time.Hour},
		"delay told before":      {from: alice, age: 8 * time.Hour, tried: 7, delayed: true, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, next: 12 * time.Hour},
		"delay not wanted":       {from: alice, notify: mail.NotifyFailure, age: 4 * time.Hour, tried: 6, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, next: 8 * time.Hour},
		"null sender is delayed": {age: 4 * time.Hour, tried: 6, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, next: 8 * time.Hour},
		"last attempt at expiry": {from: alice, age: 119 * time.Hour, tried: 30, delayed: true, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeDeferred, next: 120 * time.Hour},
		"expired":                {from: alice, age: 120 * time.Hour, tried: 31, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeFailed, report: mail.DSNFailure},
		"null sender expires":    {age: 120 * time.Hour, result: relay.Result{Outcome: mail.OutcomeDeferred}, outcome: mail.OutcomeFailed},
		"delivered at the end":   {from: alice, age: 120 * time.Hour, result: relay.Result{Outcome: mail.OutcomeDelivered}, outcome: mail.OutcomeDelivered},
		"success wanted":         {from: alice, notify: mail.NotifySuccess, result: relay.Result{Outcome: mail.OutcomeDelivered}, outcome: mail.OutcomeDelivered, report: mail.DSNSuccess},
		"next hop reports":       {from: alice, notify: mail.NotifySuccess, result: relay.Result{Outcome: mail.OutcomeDelivered, DSN: true}, outcome: mail.OutcomeDelivered},
	} {
		w := New(Config{Now: func() time.Time { return start.Add(c.age) }, Retry: Backoff{Random: func() float64 { return 0.5 }}})
		q := mail.QueueMessage{From: c.from, CreatedAt: start, ExpiresAt: start.Add(120 * time.Hour)}
		e := mail.QueueEntry{Attempts: c.tried, Recipient: mail.Recipient{Notify: c.notify}}
		if c.delayed {
			e.DelayDSNAt = start
		}
		f := w.fateOf(q, e, c.result, start.Add(c.age))
		if f.outcome != c.outcome || f.report != c.report {
			t.Errorf("%s: outcome %d, report %q", name, f.outcome, f.report)
		}
		if c.outcome == mail.OutcomeDeferred && !f.next.Equal(start.Add(c.next)) {
			t.Errorf("%s: next at age %v", name, f.next.Sub(start))
		}
	}
}
