package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// boxes are the mailboxes that sessions work in; the load delivers into bob's
// first meanwhile.
var boxes = []string{"INBOX", "Work", "Old"}

// owned is a message that one session made and no other touches.
type owned struct {
	email   string // "": its APPEND got OK, its EMAILID was not read yet
	flagged bool
	modseq  uint64
}

// session is an IMAP client that remembers: where each of its messages is, and
// what it asked for and got no answer to.
type session struct {
	t      *testing.T
	inst   *testbed.Instance
	user   string
	name   string
	memory *memory
	r      *rand.Rand

	c      *client.IMAP
	box    string // selected
	own    map[place]*owned
	emails map[string]bool // every one that was ever in own
	doubt  *doubt
	next   int
	done   map[string]int // commands that got OK; doubts and checks

	began time.Time // of the connection, which has been checked
	ask   chan demand
	stop  chan struct{}
	ended chan struct{}
}

// demand asks for a check on a connection that began after a time.
type demand struct {
	after time.Time
	done  chan struct{}
}

// sessions are those of a run.
type sessions struct {
	all  []*session
	stop func()
}

// startSessions starts one session of bob and two of alice.
func startSessions(t *testing.T, inst *testbed.Instance) *sessions {
	t.Helper()
	stop := make(chan struct{})
	out := &sessions{stop: sync.OnceFunc(func() { close(stop) })}
	memories := map[string]*memory{"bob": newMemory(), "alice": newMemory()}
	for user := range memories {
		makeBoxes(t, inst, user+"@example.test")
	}
	for i, user := range []string{"bob", "alice", "alice"} {
		s := &session{t: t, inst: inst, user: user + "@example.test", name: fmt.Sprintf("%s-%d", user, i), memory: memories[user],
			r: rand.New(rand.NewPCG(seed, uint64(2+i))), own: map[place]*owned{}, emails: map[string]bool{}, done: map[string]int{},
			ask: make(chan demand), stop: stop, ended: make(chan struct{})}
		out.all = append(out.all, s)
		go s.run()
	}
	t.Cleanup(func() { out.finish(t) })
	return out
}

func makeBoxes(t *testing.T, inst *testbed.Instance, user string) {
	t.Helper()
	c, err := inst.IMAPS(user, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, box := range boxes[1:] {
		if _, err := c.OK("CREATE %s", box); err != nil {
			t.Fatal(err)
		}
	}
}

// check waits until every session has connected again after that time, and
// compared all with its memory.
func (ss *sessions) check(t *testing.T, after time.Time) {
	t.Helper()
	answers := make([]chan struct{}, len(ss.all))
	for i, s := range ss.all {
		answers[i] = make(chan struct{})
		go func() {
			select {
			case s.ask <- demand{after, answers[i]}:
			case <-s.ended:
			}
		}()
	}
	limit := time.After(2 * time.Minute)
	for i, s := range ss.all {
		select {
		case <-answers[i]:
		case <-s.ended:
			t.Fatalf("session %s gave up", s.name)
		case <-limit:
			t.Fatalf("session %s did not come to its check", s.name)
		}
	}
}

// finish ends the sessions and gives what they did.
func (ss *sessions) finish(t *testing.T) map[string]int {
	t.Helper()
	ss.stop()
	sum := map[string]int{}
	for _, s := range ss.all {
		<-s.ended
		for k, n := range s.done {
			sum[k] += n
		}
	}
	return sum
}

func (s *session) run() {
	defer close(s.ended)
	defer s.drop()
	for {
		var answer chan struct{}
		select {
		case <-s.stop:
			return
		case d := <-s.ask:
			if answer = d.done; !s.began.After(d.after) {
				s.drop()
			}
		default:
		}
		err := s.step()
		if err == nil && answer != nil {
			close(answer)
		}
		for err != nil {
			if v := (violation{}); errors.As(err, &v) {
				s.t.Errorf("session %s: %v", s.name, v)
				return
			}
			s.drop()
			select {
			case <-s.stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			if err = s.connect(); err == nil && answer != nil {
				close(answer)
			}
		}
	}
}

// step connects and checks, or runs one command.
func (s *session) step() error {
	if s.c == nil {
		return s.connect()
	}
	return s.command()
}

func (s *session) drop() {
	if s.c != nil {
		s.c.Close()
		s.c = nil
	}
}

// connect logs in and compares everything with the memory.
func (s *session) connect() error {
	s.began = time.Now()
	c, err := s.inst.IMAPS(s.user, testbed.Password)
	if err != nil {
		return err
	}
	c.Timeout = 30 * time.Second
	s.c = c
	if _, err := c.OK("ENABLE CONDSTORE"); err != nil {
		return err
	}
	return s.check()
}
