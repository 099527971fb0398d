package imapd_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// counted is a client that believes what it is told about sequence numbers.
type counted struct {
	*client
	name string
	uids []int // by sequence number; 0: not known yet
	tags int
}

var (
	expungeLine = regexp.MustCompile(`^\* (\d+) EXPUNGE$`)
	existsLine  = regexp.MustCompile(`^\* (\d+) EXISTS$`)
	fetchLine   = regexp.MustCompile(`^\* (\d+) FETCH \(.*?UID (\d+)`)
)

// run sends a command and applies every response up to its end.
func (c *counted) run(t *testing.T, text string, mayExpunge bool) {
	t.Helper()
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
		if strings.HasPrefix(l, end) {
			return
		}
	}
}

// Several sessions on one mailbox, each doing as it likes: every sequence
// number that is told fits what was told before, and at rest all agree.
func TestSessionsAgree(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	_, addr := serve(t, b.config(), false)
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var clients []*counted
		for i := range 4 {
			c := &counted{client: dial(t, addr), name: fmt.Sprintf("seed %d client %d", seed, i)}
			c.login(t, "ann@example.test")
			c.run(t, "SELECT INBOX", true)
			if i == 3 { // is told between commands, too
				c.run(t, "NOTIFY SET (SELECTED-DELAYED (MessageNew (UID) MessageExpunge FlagChange))", true)
			}
			clients = append(clients, c)
		}
		for range 400 {
			c := clients[rnd.IntN(len(clients))]
			text, mayExpunge := randomCommand(rnd, len(c.uids))
			c.run(t, text, mayExpunge)
		}
		for _, c := range clients {
			c.run(t, "NOOP", true)
			c.run(t, "FETCH 1:* (UID)", false)
		}
		for _, c := range clients[1:] {
			if fmt.Sprint(c.uids) != fmt.Sprint(clients[0].uids) {
				t.Errorf("%s counts %v, %s %v", c.name, c.uids, clients[0].name, clients[0].uids)
			}
		}
		for _, c := range clients {
			c.run(t, "LOGOUT", true)
		}
	}
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
