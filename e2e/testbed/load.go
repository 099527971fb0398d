package testbed

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"postroom/e2e/client"
)

// Fate is what a sender knows of one message that got its 250.
type Fate struct {
	Key     string
	Relayed bool
	Retries int // how often it was sent again because no 250 came
}

// Load keeps sending to bob@example.test by port 25, and as
// alice@example.test to someone@remote.example, until Finish. A message that
// got no 250 is sent again, octet for octet, as a mail server would.
type Load struct {
	inst  *Instance
	mu    sync.Mutex
	acked []Fate
	codes map[int]int
	next  atomic.Int64
	wg    sync.WaitGroup
	stop  chan struct{}
}

// StartLoad starts the senders; every second one relays when relay is set.
func StartLoad(inst *Instance, senders int, relay bool) *Load {
	l := &Load{inst: inst, codes: map[int]int{}, stop: make(chan struct{})}
	for i := range senders {
		l.wg.Go(func() { l.run(relay && i%2 == 1) })
	}
	return l
}

// Finish makes no new messages, waits until each has its 250, and gives all.
func (l *Load) Finish() []Fate {
	close(l.stop)
	l.wg.Wait()
	return l.acked
}

// Acked counts the messages that have their 250 so far.
func (l *Load) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// Codes counts the final replies so far by code; 0 is a cut connection.
func (l *Load) Codes() map[int]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[int]int{}
	for k, v := range l.codes {
		out[k] = v
	}
	return out
}

func (l *Load) stopping() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *Load) run(relay bool) {
	for !l.stopping() {
		f := Fate{Key: fmt.Sprintf("case-%06d", l.next.Add(1)), Relayed: relay}
		msg := loadMessage(f.Key, relay)
		for {
			code := l.try(relay, msg)
			l.mu.Lock()
			l.codes[code]++
			if code == 250 {
				l.acked = append(l.acked, f)
			}
			l.mu.Unlock()
			if code == 250 {
				break
			}
			f.Retries++
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// loadMessage makes one message; every tenth is larger than one chunk in memory.
func loadMessage(key string, relay bool) []byte {
	from := "sender@outside.example"
	if relay {
		from = "alice@example.test"
	}
	n := 20
	if key[len(key)-1] == '7' {
		n = 20_000
	}
	b := fmt.Appendf(nil, "X-Case: %s\r\nFrom: <%s>\r\nTo: <bob@example.test>\r\n"+
		"Subject: %s\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <%s@outside.example>\r\n\r\n", key, from, key, key)
	for i := range n {
		b = fmt.Appendf(b, "%s line %d\r\n", key, i)
	}
	return b
}

// try sends once and gives the last reply's code; 0 when none came.
func (l *Load) try(relay bool, msg []byte) int {
	if relay {
		r, err := l.inst.Submit("alice@example.test", Password, []string{"someone@remote.example"}, msg)
		if err != nil && r.Code == 0 {
			return 0
		}
		return r.Code
	}
	c, _, err := client.DialSMTP(l.inst.Ports.SMTP, nil)
	if err != nil {
		return 0
	}
	defer c.Close()
	c.Timeout = 30 * time.Second
	if _, err := c.Cmd("EHLO outside.example"); err != nil {
		return 0
	}

	r, err := c.Send("sender@outside.example", []string{"bob@example.test"}, msg)
	if err != nil {
		return 0
	}
	return r.Code
}
