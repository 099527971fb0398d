package queue

import (
	"fmt"
	"testing"
	"time"

	"postroom/delivery/relay"
	"postroom/internal/mail"
)

func TestPausesDoubleAndHalve(t *testing.T) {
	var ps providers
	now := time.Unix(0, 0)
	pause := func(times int) (out time.Duration) {
		for range times {
			if until := ps.refused("big.example", now); !until.IsZero() {
				out = until.Sub(now)
			}
		}
		return out
	}
	if got := pause(slowAfter - 1); got != 0 {
		t.Errorf("paused for %v before three in a row", got)
	}
	for _, want := range []int{1, 2, 4, 8, 16, 30, 30} {
		if got := pause(1); got != time.Duration(want)*time.Minute {
			t.Errorf("pause %v, want %d min", got, want)
		}
		if got := pause(5); got != 0 {
			t.Errorf("what was under way made another pause of %v", got)
		}
		if from, ok := ps.turn("big.example", now); ok || !from.Equal(now.Add(time.Duration(want)*time.Minute)) {
			t.Errorf("turn at %v, %v", from, ok)
		}
		if _, ok := ps.turn("other.example", now); !ok {
			t.Error("another provider is slowed down, too")
		}
		now = now.Add(time.Duration(want) * time.Minute)
	}
	if _, ok := ps.turn("big.example", now); !ok {
		t.Error("no turn after the pause")
	}
	ps.took("big.example", now) // 15 min
	ps.took("big.example", now) // 7.5 min
	if got := pause(slowAfter - 1); got != 0 {
		t.Errorf("after a success paused for %v at once", got)
	}
	if got := pause(1); got != 15*time.Minute {
		t.Errorf("pause %v, want the 7.5 min that were left, doubled", got)
	}
	now = now.Add(time.Hour)
	for range 5 {
		ps.took("big.example", now)
		ps.took("other.example", now)
	}
	if len(ps.m) != 0 {
		t.Errorf("remembered after all is well: %v", ps.m)
	}
}

func TestRateSpacesMessages(t *testing.T) {
	ps := providers{interval: 10 * time.Second}
	now := time.Unix(0, 0)
	var sent []int
	for s := range 60 {
		if _, ok := ps.turn("big.example", now.Add(time.Duration(s)*time.Second)); ok {
			sent = append(sent, s)
		}
	}
	if fmt.Sprint(sent) != "[0 10 20 30 40 50]" {
		t.Errorf("sent in the seconds %v", sent)
	}
}

func TestProvidersAreBounded(t *testing.T) {
	var ps providers
	now := time.Unix(0, 0)
	for i := range 3 * maxProviders {
		ps.turn(fmt.Sprint(i), now.Add(time.Duration(i)*time.Second))
	}
	if len(ps.m) > maxProviders {
		t.Errorf("%d providers remembered", len(ps.m))
	}
}

func TestWhatAsksForLater(t *testing.T) {
	for reply, want := range map[mail.RemoteReply]bool{
		{Code: 421, Status: "4.3.2"}: true, {Code: 421, Status: "4.7.0"}: true, {Code: 451, Status: "4.7.1"}: true,
		{Code: 450, Status: "4.2.1"}: false, {Code: 452, Status: "4.70.1"}: false, {Status: "4.7.5"}: false,
	} {
		if got := asksLater(relay.Result{Outcome: mail.OutcomeDeferred, Reply: reply}); got != want {
			t.Errorf("%+v: %v", reply, got)
		}
	}
	if asksLater(relay.Result{Outcome: mail.OutcomeFailed, Reply: mail.RemoteReply{Code: 550, Status: "5.7.1"}}) {
		t.Error("a failure asks for nothing")
	}
}
