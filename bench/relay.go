package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

// outsideDomains is how many destinations the relayed mail has.
const outsideDomains = 40

// benchRelay submits mail for outside recipients to postroom (logged in, DKIM
// signing on, a way found by MX for each destination) and to Postfix (from its
// own network, no signing, one way for all: its fastest), in turn.
func benchRelay(ctx context.Context, _ *rig, o options) ([]figure, error) {
	outside, err := newSink()
	if err != nil {
		return nil, err
	}
	defer outside.close()
	ours, stop, err := relayingPostroom(ctx, o, outside)
	if err != nil {
		return nil, err
	}
	defer stop()
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	theirs, err := startPostfix(ctx, dir, fmt.Sprintf("mynetworks = 127.0.0.0/8\nrelayhost = [127.0.0.1]:%s\n", port(outside.addr())))
	if err != nil {
		return nil, err
	}
	defer theirs.stop()
	master, err := theirs.pid()
	if err != nil {
		return nil, err
	}
	way := func(name string, d dialer, pid int) *relayTest {
		return &relayTest{name: name, dial: d, from: ours.accounts, sink: outside, pid: pid}
	}
	return relayRounds(ctx, o, way("postroom", to(ours.instance.Ports.Submission, ours.accounts), ours.pid),
		way("Postfix", to(theirs.smtp, nil), master), way("nobody between", to(outside.addr(), nil), os.Getpid()))
}

// relayingPostroom logs what a server logs by default, as Postfix does.
func relayingPostroom(ctx context.Context, o options, outside *sink) (r *rig, stop func(), err error) {
	dns, err := dnstest.Start("127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	dns.Add("mx.far.example. 300 IN A 127.0.0.1")
	for i := range outsideDomains {
		dns.Add(fmt.Sprintf("d%02d.far.example. 300 IN MX 10 mx.far.example.", i))
	}
	r, err = startRig(ctx, o, "relay_port = "+port(outside.addr())+"\n", dns.Addr())
	if err != nil {
		dns.Close()
		return nil, nil, err
	}
	return r, func() { r.stop(); dns.Close() }, nil
}

// relayTest is a way for mail to the sink.
type relayTest struct {
	name string
	dial dialer
	from []string // by connection
	sink *sink
	pid  int // of what is between

	rates, cpu []float64 // messages per second; milliseconds per message
}

func relayRounds(ctx context.Context, o options, ours, theirs, none *relayTest) ([]figure, error) {
	var ratio []float64
	for range o.rounds {
		for _, t := range []*relayTest{ours, theirs} {
			if err := t.round(ctx, o); err != nil {
				return nil, fmt.Errorf("%s: %w", t.name, err)
			}
		}
		ratio = append(ratio, ours.rates[len(ratio)]/theirs.rates[len(ratio)])
	}
	if err := none.round(ctx, o); err != nil {
		return nil, err
	}
	return []figure{
		summarise("relayed by postroom, signed", "messages/s", "", ours.rates),
		summarise("relayed by Postfix", "messages/s", "", theirs.rates),
		summarise("relay: postroom / Postfix", "ratio", ">= 2", ratio),
		summarise("CPU of postroom and its PostgreSQL", "ms/message", "", ours.cpu),
		summarise("CPU of Postfix", "ms/message", "", theirs.cpu),
		summarise("the sink with nobody between", "messages/s", "", none.rates),
		summarise("CPU of load and sink", "ms/message", "", none.cpu),
	}, nil
}

// round submits for a while and notes messages per second: those that arrived,
// over the time until the last of them did.
func (t *relayTest) round(ctx context.Context, o options) error {
	t.sink.forget()
	before, err := cpuTime(t.pid)
	if err != nil {
		return err
	}
	accepted, began, err := pump(ctx, o.seconds, o.senders, t.dial, t.letter)
	if err != nil {
		return err
	}
	last, err := t.arrival(ctx, accepted)
	if err != nil {
		return err
	}
	after, err := cpuTime(t.pid)
	t.rates = append(t.rates, float64(accepted)/last.Sub(began).Seconds())
	t.cpu = append(t.cpu, (after-before).Seconds()*1000/float64(accepted))
	return err
}

func (t *relayTest) letter(conn int) (letter, bool) {
	n := seeds.Add(1)
	from, rcpt := t.from[conn%len(t.from)], fmt.Sprintf("someone%d@d%02d.far.example", n, n%outsideDomains)
	return letter{from, rcpt, compose(n, from, rcpt)}, true
}

// arrival waits until n messages have come to the sink, each once, and gives
// when the last did.
func (t *relayTest) arrival(ctx context.Context, n int64) (time.Time, error) {
	err := testbed.Until(ctx, 2*time.Minute, func() error {
		if got, _, _ := t.sink.state(); int64(got) < n {
			return fmt.Errorf("%d of %d messages arrived", got, n)
		}
		return nil
	})
	if err != nil {
		return time.Time{}, err
	}
	got, again, last := t.sink.state()
	if again > 0 || int64(got) > n {
		return time.Time{}, fmt.Errorf("%d messages accepted, %d arrived, %d came again", n, got, again)
	}
	return last, nil
}
