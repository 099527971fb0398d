package crash

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
)

// fate is what a sender knows of one message.
type fate struct {
	key     string
	relayed bool
	retries int // how often it was sent again because no reply came
}

// load keeps sending until stopped; a message whose reply never came is sent
// again, octet for octet, until it gets its 250, as a mail server would.
type load struct {
	inst  *testbed.Instance
	mu    sync.Mutex
	acked []fate
	next  atomic.Int64
	wg    sync.WaitGroup
	stop  chan struct{}
}

func startLoad(inst *testbed.Instance, senders int) *load {
	l := &load{inst: inst, stop: make(chan struct{})}
	for i := range senders {
		l.wg.Go(func() { l.run(i%2 == 1) })
	}
	return l
}

// finish stops making new messages, waits until each has its 250 and gives all.
func (l *load) finish() []fate {
	close(l.stop)
	l.wg.Wait()
	return l.acked
}

func (l *load) run(relay bool) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		key := fmt.Sprintf("case-%06d", l.next.Add(1))
		f := fate{key: key, relayed: relay}
		msg := fmt.Appendf(nil, "X-Case: %s\r\nFrom: <alice@example.test>\r\nTo: <bob@example.test>\r\n"+
			"Subject: %s\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <%s@outside.example>\r\n\r\n%s\r\n",
			key, key, key, filler(key))
		for !l.try(relay, msg) {
			f.retries++
			time.Sleep(50 * time.Millisecond)
		}
		l.mu.Lock()
		l.acked = append(l.acked, f)
		l.mu.Unlock()
	}
}

// filler makes messages of different sizes, some above a chunk in memory.
func filler(key string) string {
	n := 200
	if key[len(key)-1] == '7' {
		n = 12_000
	}
	out := make([]byte, 0, n*20)
	for i := range n {
		out = fmt.Appendf(out, "%s line %d\r\n", key, i)
	}
	return string(out)
}

// try sends once; false means no 250 came.
func (l *load) try(relay bool, msg []byte) bool {
	if relay {
		r, err := l.inst.Submit("alice@example.test", testbed.Password, []string{"someone@remote.example"}, msg)
		return err == nil && r.Code == 250
	}
	c, _, err := client.DialSMTP(l.inst.Ports.SMTP, nil)
	if err != nil {
		return false
	}
	defer c.Close()
	c.Timeout = 20 * time.Second
	if _, err := c.Cmd("EHLO outside.example"); err != nil {
		return false
	}
	r, err := c.Send("sender@outside.example", []string{"bob@example.test"}, msg)
	return err == nil && r.Code == 250
}

// wait sleeps for d or until ctx or the process ends.
func wait(ctx context.Context, inst *testbed.Instance, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-inst.Ended():
	case <-time.After(d):
	}
}
