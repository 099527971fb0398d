package smtpd

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	attackRounds = 10 // of every attack; the heavy and the slow ones have one
	attackers    = 50 // at once, each from an address of its own
)

// TestAttacksLeaveNothing runs all of testdata/attack again and again against
// the same servers, one for each set of options, while somebody else sends
// mail. Afterwards nothing may be left of it.
func TestAttacksLeaveNothing(t *testing.T) {
	s := newSiege(t)
	over := make(chan struct{})
	close(over)
	s.sendGood(over) // every server has begun
	idle := s.footprint()
	s.attack(1)
	warm := s.footprint()
	s.attack(attackRounds)
	after := s.footprint()
	t.Logf("idle %+v, warm %+v, after %+v; at most %d MiB at work", idle, warm, after, s.peak>>20)
	if after.goroutines > idle.goroutines || after.files > idle.files {
		t.Errorf("before the attacks %+v, after them %+v", idle, after)
	}
	if after.spooled != 0 {
		t.Errorf("the spools hold %d octets", after.spooled)
	}
	if after.heap > warm.heap+1<<20 {
		t.Errorf("the heap grew from %d to %d octets", warm.heap, after.heap)
	}
	if s.peak > maxAttackHeap {
		t.Errorf("the heap had %d octets", s.peak)
	}
}

// maxAttackHeap bounds the heap while attackers are at work, garbage and the
// attackers' own part included.
const maxAttackHeap = 128 << 20

// siege is the servers and who attacks them.
type siege struct {
	t       *testing.T
	files   []file
	targets map[string]*target // by their options
	heavy   sync.Mutex         // held by who takes seconds of processor time
	peak    uint64             // the most octets the heap had
}

// target is one server.
type target struct {
	*running
	options options
	alone   sync.Mutex // held by who disturbs others, and who is disturbed
	good    int        // messages that got through in the present attack
}

func newSiege(t *testing.T) *siege {
	s := &siege{t: t, files: transcripts(t, "testdata/attack/*.txt"), targets: map[string]*target{}}
	for _, f := range s.files {
		o := f.options(t)
		if s.targets[o.text] == nil {
			o.allowForLoad()
			s.targets[o.text] = &target{running: o.start(t), options: o}
			s.targets[o.text].logs.stop()
		}
	}
	return s
}

// allowForLoad makes the times longer: on a busy machine even the good
// client is slow.
func (o *options) allowForLoad() {
	l := &o.cfg.Limits
	for _, d := range []*time.Duration{&l.ReadTimeout, &l.Handshake, &l.Session} {
		*d *= 10
	}
}

// attack runs every file so many times, and mail beside it.
func (s *siege) attack(rounds int) {
	jobs := s.jobs(rounds)
	var attack, rest sync.WaitGroup
	over := make(chan struct{})
	rest.Go(func() { s.sendGood(over) })
	for i := range attackers {
		attack.Go(func() {
			for f := range jobs {
				s.run(f, fmt.Sprintf("127.0.1.%d", i+1))
			}
		})
	}
	attack.Wait()
	close(over)
	rest.Wait()
	for o, target := range s.targets {
		if target.good == 0 {
			s.t.Errorf("no message got through beside the attacks on the server with options %q", o)
		}
	}
}

// jobs gives the files in an order that brings all kinds together.
func (s *siege) jobs(rounds int) <-chan file {
	var all []file
	for round := range rounds {
		for _, f := range s.files {
			o := s.target(f).options
			slow := o.cfg.Limits.ReadTimeout+o.cfg.Limits.Handshake+o.cfg.Limits.Session > 0
			if round == 0 || !o.heavy && !slow {
				all = append(all, f)
			}
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	jobs := make(chan file, len(all))
	for _, f := range all {
		jobs <- f
	}
	close(jobs)
	return jobs
}

func (s *siege) target(f file) *target { return s.targets[f.options(s.t).text] }

// attacker is a TB that says who fails and cleans up after each run.
type attacker struct {
	testing.TB
	name     string
	cleanups []func()
}

func (a *attacker) Fatalf(format string, args ...any) {
	a.Helper()
	a.TB.Fatalf(a.name+": "+format, args...)
}

func (a *attacker) Cleanup(f func()) { a.cleanups = append(a.cleanups, f) }

func (s *siege) run(f file, from string) {
	target := s.target(f)
	if target.options.alone {
		target.alone.Lock()
		defer target.alone.Unlock()
	}
	if target.options.heavy {
		s.heavy.Lock()
		defer s.heavy.Unlock()
	}
	a := &attacker{TB: s.t, name: f.name}
	defer a.cleanUp()
	run(a, target.running, f, target.options, from)
}

func (a *attacker) cleanUp() {
	for _, f := range a.cleanups {
		f()
	}
}
