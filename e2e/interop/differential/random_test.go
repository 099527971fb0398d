package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"postroom/e2e/testbed"
)

// perRound is how many commands a pair of accounts gets.
const perRound = 150

// enabled is what the two connections of a round say first, in turn.
var enabled = []map[string]string{
	{"C1": "NOOP", "C2": "NOOP"},
	{"C1": "ENABLE CONDSTORE", "C2": "NOOP"},
	{"C1": "ENABLE QRESYNC", "C2": "NOOP"},
}

// randomCommands lets two connections say random commands for a time
// (POSTROOM_TEST_DIFFERENTIAL seconds), from POSTROOM_TEST_SEED on. After each
// command the other connection does NOOP. A round ends at its first difference.
func randomCommands(t *testing.T, w *world) {
	seed := testbed.Number("POSTROOM_TEST_SEED", 1)
	end := time.Now().Add(time.Duration(testbed.Number("POSTROOM_TEST_DIFFERENTIAL", 10)) * time.Second)
	count := 0
	for round := 0; round < len(enabled) || time.Now().Before(end) && !t.Failed(); round++ {
		t.Run(fmt.Sprintf("seed %d", seed+round), func(t *testing.T) { count += randomRound(t, w.pair(t), seed+round) })
	}
	t.Logf("%d random commands from POSTROOM_TEST_SEED=%d on", count, seed)
}

func randomRound(t *testing.T, p *pair, seed int) (count int) {
	g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), p: p, conns: map[string]*talker{"C1": {}, "C2": {}}}
	for _, box := range boxes {
		p.compare(t, "set-up", "C1", "CREATE "+box)
	}
	for _, conn := range []string{"C1", "C2"} {
		p.compare(t, "set-up", conn, enabled[seed%len(enabled)][conn])
	}
	p.crashes = true
	var said []string
	for i := range perRound {
		conn := pick(g, []string{"C1", "C2"})
		for _, c := range []string{"C1", "C2"} {
			if p.dovecot.conns[c].box.unknown() {
				p.compare(t, "the UIDs", c, "UID FETCH 1:* (UID)")
			}
		}
		command := g.next(conn)
		said = append(said, fmt.Sprintf("%s: %.100q", conn, command))
		where := fmt.Sprintf("command %d", i+1)
		if !p.compare(t, where, conn, command) || !p.sync(t, where, conn, []string{"C1", "C2"}) {
			if p.ended {
				t.Logf("Dovecot's process ended at %.200q", command)
				return i
			}
			t.Fatalf("POSTROOM_TEST_SEED=%d; before it:\n%s", seed, strings.Join(said[max(0, len(said)-12):], "\n"))
		}
	}
	return perRound
}
