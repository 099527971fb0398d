package strangers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/e2e/client"
)

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

func timed(c *client.SMTP, line string) (client.Reply, float64, error) {
	began := time.Now()
	r, err := c.Cmd("%s", line)
	return r, time.Since(began).Seconds(), err
}
