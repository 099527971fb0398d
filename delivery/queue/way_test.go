package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"postroom/delivery/queue"
	"postroom/delivery/relay"
)

// A connection that waits for more mail must not carry what a smarthost, set
// meanwhile, was meant to carry.
func TestSmarthostIsTakenUpAtOnce(t *testing.T) {
	var way atomic.Pointer[relay.Smarthost]
	o := newOffice(t, func(_ *office, rc *relay.Config) {
		rc.Smarthost = func(context.Context, string) (*relay.Smarthost, error) { return way.Load(), nil }
	})
	o.work(func(c *queue.Config) { c.KeepIdle, c.PerDestination = time.Hour, 1 })
	o.send("alice@example.test", rcpt("x@out.test", 0))
	until(t, "an empty queue", o.empty)
	smart := newSink(t, false)
	for _, sh := range []*relay.Smarthost{{Host: "127.0.0.1", Port: smart.port, Security: relay.SecurityNone}, nil} {
		way.Store(sh)
		o.send("alice@example.test", rcpt("x@out.test", 0))
		until(t, "an empty queue", o.empty)
	}
	if len(o.sink.got) != 2 || len(smart.got) != 1 {
		t.Errorf("%d messages went past the smarthost, %d to it", len(o.sink.got), len(smart.got))
	}
}
