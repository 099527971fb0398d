package imapd_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// counted is a client that believes what it is told about sequence numbers.
type counted struct {
	*client
	name string
	uids []int // by sequence number; 0: not known yet
	tags int

	recent   map[int]bool // UIDs that it saw as \Recent
	recents  int          // as last told
	readOnly bool
	rev2     bool // has no \Recent
}

// enter begins a session: read-write, by EXAMINE, or with IMAP4rev2.
func enter(t *testing.T, addr, name, kind string) *counted {
	t.Helper()
	c := &counted{client: dial(t, addr), name: name, recent: map[int]bool{}, readOnly: kind == "EXAMINE", rev2: kind == "rev2"}
	c.login(t, "ann@example.test")
	switch kind {
	case "EXAMINE":
		c.run(t, "EXAMINE INBOX", true)
		return c
	case "rev2":
		c.run(t, "ENABLE IMAP4rev2", true)
	}
	c.run(t, "SELECT INBOX", true)
	return c
}

// look reads all flags, so that it is known what is \Recent to it, and
// compares that with the number that it was told.
func (c *counted) look(t *testing.T) {
	t.Helper()
	c.run(t, "NOOP", true)
	c.run(t, "FETCH 1:* (UID FLAGS)", false)
	n := 0
	for _, uid := range c.uids {
		if c.recent[uid] {
			n++
		}
	}
	if !c.rev2 && n != c.recents {
		t.Errorf("%s was told %d RECENT and sees %d in %v", c.name, c.recents, n, c.uids)
	}
}

// recentOnce fails when two sessions that may change the mailbox saw a message
// as \Recent, or none did though one was always there.
func recentOnce(t *testing.T, all []*counted) {
	t.Helper()
	by := map[int]string{}
	for _, c := range all {
		for uid := range c.recent {
			if c.rev2 {
				t.Errorf("%s: UID %d is \\Recent in IMAP4rev2", c.name, uid)
			}
			if c.readOnly {
				continue // EXAMINE takes nothing from the others (RFC 3501 §6.3.2)
			}
			if other, twice := by[uid]; twice {
				t.Errorf("UID %d is \\Recent to %s and to %s", uid, other, c.name)
			}
			by[uid] = c.name
		}
	}
	for _, uid := range all[0].uids {
		if by[uid] == "" {
			t.Errorf("UID %d was \\Recent to nobody", uid)
		}
	}
}

var (
	expungeLine = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	existsLine  = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	fetchLine   = regexp.MustCompile(`^\* (\d+) FETCH \(.*?UID (\d+)`)
	flagsLine   = regexp.MustCompile(`^\* (\d+) FETCH \(.*?FLAGS \(([^)]*)\)`)
	recentLine  = regexp.MustCompile(`^\* (\d+) RECENT$`)
)

// run sends a command and applies every response up to its end. The time that
// a client has is each command's: how long all take is the machine's affair.
func (c *counted) run(t *testing.T, text string, mayExpunge bool) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	c.tags++
	tag := fmt.Sprintf("t%d", c.tags)
	c.write(t, tag+" "+text+"\r\n")
	if text == "IDLE" {
		c.apply(t, text, true, "+ ")
		c.write(t, "DONE\r\n")
	}
	c.apply(t, text, mayExpunge, tag+" ")
}

func (c *counted) apply(t *testing.T, text string, mayExpunge bool, end string) {
	t.Helper()
	for {
		l := c.line(t)
		if m := expungeLine.FindStringSubmatch(l); m != nil {
			n, _ := strconv.Atoi(m[1])
			if !mayExpunge || n < 1 || n > len(c.uids) {
				t.Fatalf("%s: %s of %d in answer to %s", c.name, l, len(c.uids), text)
			}
			c.uids = append(c.uids[:n-1], c.uids[n:]...)
		} else if m := existsLine.FindStringSubmatch(l); m != nil {
			n, _ := strconv.Atoi(m[1])
			if n < len(c.uids) {
				t.Fatalf("%s: %s, but it counts %d (%s)", c.name, l, len(c.uids), text)
			}
			c.uids = append(c.uids, make([]int, n-len(c.uids))...)
		} else if m := fetchLine.FindStringSubmatch(l); m != nil {
			n, _ := strconv.Atoi(m[1])
			uid, _ := strconv.Atoi(m[2])
			if n < 1 || n > len(c.uids) || c.uids[n-1] != 0 && c.uids[n-1] != uid {
				t.Fatalf("%s: %s, but it knows %v (%s)", c.name, l, c.uids, text)
			}
			c.uids[n-1] = uid
		}
		c.note(t, l, text)
		if strings.HasPrefix(l, end) {
			return
		}
	}
}

// note keeps what a line tells of \Recent.
func (c *counted) note(t *testing.T, l, text string) {
	t.Helper()
	if m := recentLine.FindStringSubmatch(l); m != nil {
		if c.recents, _ = strconv.Atoi(m[1]); c.rev2 || c.recents > len(c.uids) {
			t.Fatalf("%s: %s of %d (%s)", c.name, l, len(c.uids), text)
		}
	}
	m := flagsLine.FindStringSubmatch(l)
	if m == nil {
		return
	}
	n, _ := strconv.Atoi(m[1])
	uid := c.uids[n-1]
	recent := strings.Contains(m[2], `\Recent`)
	switch {
	case uid == 0:
	case recent:
		c.recent[uid] = true
	case c.recent[uid] && !c.readOnly:
		t.Fatalf("%s: UID %d is no longer \\Recent: %s (%s)", c.name, uid, l, text)
	}
}

// Several sessions on one mailbox, each doing as it likes, and some come and
// go: every sequence number that is told fits what was told before, every
// message is \Recent to one of them, and at rest all agree.
func TestSessionsAgree(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	kinds := []string{"SELECT", "SELECT", "SELECT", "EXAMINE", "rev2"}
	stays := enter(t, addr, "the first", "SELECT")
	all := []*counted{stays}
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var clients []*counted
		come := func(kind string) *counted {
			c := enter(t, addr, fmt.Sprintf("seed %d session %d %s", seed, len(all), kind), kind)
			all = append(all, c)
			return c
		}
		for i := range 5 {
			c := come([]string{"SELECT", "SELECT", "SELECT", "SELECT", "rev2"}[i])
			if i == 3 { // is told between commands, too
				c.run(t, "NOTIFY SET (SELECTED-DELAYED (MessageNew (UID FLAGS) MessageExpunge FlagChange))", true)
			}
			clients = append(clients, c)
		}
		for range 400 {
			i := rnd.IntN(len(clients))
			if rnd.IntN(20) == 0 {
				clients[i].look(t)
				clients[i].run(t, "LOGOUT", true)
				clients[i] = come(kinds[rnd.IntN(len(kinds))])
				continue
			}
			text, mayExpunge := randomCommand(rnd, len(clients[i].uids))
			clients[i].run(t, text, mayExpunge)
		}
		stays.run(t, "NOOP", true)
		for _, c := range append(clients, stays) {
			c.look(t)
		}
		for _, c := range clients[1:] {
			if fmt.Sprint(c.uids) != fmt.Sprint(clients[0].uids) {
				t.Errorf("%s counts %v, %s %v", c.name, c.uids, clients[0].name, clients[0].uids)
			}
		}
		recentOnce(t, all)
		for _, c := range clients {
			c.run(t, "LOGOUT", true)
		}
	}
}

// Sessions that work at the same time share out what is \Recent.
func TestRecentAtTheSameTime(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	all := make([]*counted, 6)
	for i := range all {
		all[i] = enter(t, addr, fmt.Sprint("session ", i), "SELECT")
	}
	var wg sync.WaitGroup
	for i, c := range all {
		rnd := rand.New(rand.NewPCG(uint64(i), 2))
		wg.Go(func() {
			for range 100 {
				text, mayExpunge := randomCommand(rnd, len(c.uids))
				c.run(t, text, mayExpunge)
			}
		})
	}
	wg.Wait()
	for _, c := range all {
		c.look(t)
	}
	recentOnce(t, all)
}

func randomCommand(rnd *rand.Rand, n int) (text string, mayExpunge bool) {
	one := fmt.Sprint(1 + rnd.IntN(max(n, 1)))
	commands := []struct {
		text       string
		mayExpunge bool
	}{
		{"APPEND INBOX {14+}\r\nSubject: x\r\n\r\n", true},
		{"APPEND INBOX {14+}\r\nSubject: y\r\n\r\n", true},
		{"STORE " + one + " +FLAGS (\\Deleted)", false},
		{"UID STORE 1:* -FLAGS.SILENT (\\Deleted)", true},
		{"STORE " + one + " +FLAGS.SILENT ($Key)", false},
		{"EXPUNGE", true},
		{"MOVE " + one + " Trash", true},
		{"COPY " + one + " INBOX", true},
		{"FETCH 1:* (UID FLAGS)", false},
		{"FETCH " + one + " (UID BODY[TEXT])", false},
		{"UID FETCH 1:* (FLAGS)", true},
		{"SEARCH SUBJECT x", false},
		{"NOOP", true},
		{"IDLE", true},
	}
	c := commands[rnd.IntN(len(commands))]
	return c.text, c.mayExpunge
}
