// Package crash kills postroom and PostgreSQL under load, at random and at
// named points, and counts every message that got its 250.
package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
	"postroom/internal/pgembed"
	"postroom/store/storetest"
)

// How often something is killed (200 outside CI), and the schedule's seed.
var (
	kills = testbed.Number("POSTROOM_TEST_CRASHES", 12)
	seed  = uint64(testbed.Number("POSTROOM_TEST_SEED", int(time.Now().UnixNano())))
)

// points are the named places where a binary of `make build-crash` ends.
var points = []string{"delivery:data", "deliver:before-commit", "deliver:after-commit", "change:after-commit", "relay.accepted"}

func TestKilledUnderLoad(t *testing.T) {
	t.Logf("POSTROOM_TEST_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	inst, sink := company(t)
	load := testbed.StartLoad(inst, 8, true)
	imap := startSessions(t, inst)
	count := map[string]int{}
	for range kills {
		kind, at := killOnce(t, inst, r)
		count[kind]++
		if kind != "postgres" || r.IntN(2) == 0 { // else the next comes while PostgreSQL recovers
			imap.check(t, at)
		}
	}
	inst.Env = nil
	restart(t, inst)
	fates := load.Finish()
	imap.check(t, time.Now())
	t.Logf("IMAP sessions: %v", imap.finish(t))
	drain(t, inst)
	report(t, inst, sink, fates, count)
	sound(t, inst)
}

// sound looks for wrong counters and loose ends in the database itself.
func sound(t *testing.T, inst *testbed.Instance) {
	t.Helper()
	url, err := pgembed.URL(filepath.Join(inst.Dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.CheckInvariantsAt(t.Context(), url); err != nil {
		t.Error(err)
	}
}

func company(t *testing.T) (*testbed.Instance, *testbed.Sink) {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join("..", "..", "bin", "postroom-crash"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := testbed.CommonPort("127.0.4.1", "127.0.4.2")
	if err != nil {
		t.Fatal(err)
	}
	sink, err := testbed.NewSink(fmt.Sprintf("127.0.4.2:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.Close)
	dns := dnstest.New(t)
	dns.Add("remote.example. 60 IN MX 10 mx.remote.example.", "mx.remote.example. 60 IN A 127.0.4.2")
	inst := testbed.Company(t, testbed.Options{Binary: binary, Host: "127.0.4.1", Relay: port, DNS: dns.Addr(),
		Settings: "lift_limits = true"}, "example.test", "alice", "bob")
	return inst, sink
}

// killOnce lets the load run a little and then kills one of the two; it tells
// what, and when that was done.
func killOnce(t *testing.T, inst *testbed.Instance, r *rand.Rand) (kind string, at time.Time) {
	t.Helper()
	pause := time.Duration(200+r.IntN(1500)) * time.Millisecond
	switch n := r.IntN(5); {
	case n == 0:
		wait(t, inst, pause)
		killPostgres(t, inst)
		return "postgres", time.Now()
	case n == 1:
		wait(t, inst, pause)
		inst.Kill()
		at = time.Now()
		inst.Env = nil
		restart(t, inst)
		return "postroom at random", at
	default:
		point := points[r.IntN(len(points))]
		if err := inst.Stop(30 * time.Second); err != nil && inst.Running() {
			t.Fatal(err)
		}
		inst.Env = []string{fmt.Sprintf("POSTROOM_CRASH=%s:%d", point, 1+r.IntN(15))}
		restart(t, inst)
		wait(t, inst, 10*time.Second)
		if inst.Running() {
			inst.Kill()
			point = "postroom at random (point not reached)"
		}
		at = time.Now()
		inst.Env = nil
		restart(t, inst)
		return point, at
	}
}

func restart(t *testing.T, inst *testbed.Instance) {
	t.Helper()
	if inst.Running() {
		if err := inst.Stop(30 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	// A point may be reached while the ports are still being tried.
	if err := inst.Start(t.Context()); err != nil && !strings.Contains(err.Error(), "signal: killed") {
		t.Fatal(err)
	}
}

// killPostgres ends the private postmaster; serve starts it again by itself.
func killPostgres(t *testing.T, inst *testbed.Instance) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(inst.Dir, "data", "*", "postmaster.pid"))
	if len(files) != 1 {
		t.Fatalf("postmaster.pid: %v", files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		return // it is just starting again
	}
	pid, err := strconv.Atoi(strings.SplitN(string(b), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// drain waits until the queue is empty.
func drain(t *testing.T, inst *testbed.Instance) {
	t.Helper()
	err := testbed.Until(t.Context(), 3*time.Minute, func() error {
		if _, err := inst.CLI("", "queue", "retry", "--all"); err != nil {
			return err
		}
		out, err := inst.CLI("", "queue", "list", "--json")
		if err != nil {
			return err
		}
		if n := strings.Count(out, "remote.example"); n > 0 {
			return fmt.Errorf("the queue still holds %d: %.500s", n, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// report counts each message and prints the two windows apart.
func report(t *testing.T, inst *testbed.Instance, sink *testbed.Sink, fates []testbed.Fate, count map[string]int) {
	t.Helper()
	local := inbox(t, inst)
	remote := sink.Counts()
	retried, relayTwice := 0, 0
	for _, f := range fates {
		if f.Retries > 0 {
			retried++
		}
		if !f.Relayed {
			if n := local[f.Key]; n != 1 {
				t.Errorf("%s got its 250 (after %d retries) and is there %d times", f.Key, f.Retries, n)
			}
			continue
		}
		switch n := remote[f.Key]; {
		case n == 0:
			t.Errorf("%s got its 250 and never reached the remote", f.Key)
		case n > 1:
			relayTwice++
		}
	}
	if limit := count["relay.accepted"]*20 + (count["postgres"]+count["postroom at random"])*8; relayTwice > limit {
		t.Errorf("%d messages were relayed twice: more than the window between the remote's 250 and settle explains", relayTwice)
	}
	t.Logf("%d messages got 250; kills %v; retried and recognised: %d; relayed twice in the settle window: %d",
		len(fates), count, retried, relayTwice)
}

// inbox counts bob's messages by key.
func inbox(t *testing.T, inst *testbed.Instance) map[string]int {
	t.Helper()
	c, err := inst.IMAPS("bob@example.test", testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exists, _, err := c.Select("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := c.OK("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (X-Case)]")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, l := range lines {
		if len(l.Literals) == 1 {
			out[testbed.Key(l.Literals[0])]++
		}
	}
	if exists != len(lines) {
		t.Errorf("EXISTS says %d, FETCH gives %d", exists, len(lines))
	}
	return out
}

// wait lets the load run for d, or until the process ends.
func wait(t *testing.T, inst *testbed.Instance, d time.Duration) {
	select {
	case <-t.Context().Done():
	case <-inst.Ended():
	case <-time.After(d):
	}
}
