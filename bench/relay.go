package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"postroom/e2e/client"
	"postroom/e2e/testbed"
	"postroom/internal/dns/dnstest"
)

// outsideDomains is how many destinations the relayed mail has.
const outsideDomains = 40

// benchRelay submits mail for outside recipients to postroom (logged in, DKIM
// signing on, a way found by MX for each destination) and to Postfix (from its
// own network, no signing, one way for all: its fastest), in turn.
func benchRelay(ctx context.Context, _ *rig, o options) ([]figure, error) {
	to, err := newSink()
	if err != nil {
		return nil, err
	}
	defer to.close()
	ours, stop, err := relayingPostroom(ctx, o, to)
	if err != nil {
		return nil, err
	}
	defer stop()
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	theirs, err := startPostfix(ctx, dir, fmt.Sprintf("mynetworks = 127.0.0.0/8\nrelayhost = [127.0.0.1]:%s\n", port(to.addr())))
	if err != nil {
		return nil, err
	}
	defer theirs.stop()
	return relayRounds(ctx, o, to, relayTest{"postroom", dialer(ours.instance.Ports.Submission, ours.accounts[0], password), ours.accounts[0]},
		relayTest{"Postfix", dialer(theirs.smtp, "", ""), ours.accounts[0]}, relayTest{"nobody between", dialer(to.addr(), "", ""), ours.accounts[0]})
}

// relayingPostroom logs what a server logs by default, as Postfix does.
func relayingPostroom(ctx context.Context, o options, to *sink) (r *rig, stop func(), err error) {
	dns, err := dnstest.Start("127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	dns.Add("mx.far.example. 300 IN A 127.0.0.1")
	for i := range outsideDomains {
		dns.Add(fmt.Sprintf("d%02d.far.example. 300 IN MX 10 mx.far.example.", i))
	}
	r, err = startRig(ctx, o, "relay_port = "+port(to.addr())+"\n", dns.Addr())
	if err != nil {
		dns.Close()
		return nil, nil, err
	}
	return r, func() { r.stop(); dns.Close() }, nil
}

// relayTest is a way for mail to the sink.
type relayTest struct {
	name string
	dial func() (*client.SMTP, error)
	from string
}

func relayRounds(ctx context.Context, o options, to *sink, ours, theirs, none relayTest) ([]figure, error) {
	var a, b, ratio []float64
	for range o.rounds {
		x, err := ours.rate(ctx, o, to)
		if err != nil {
			return nil, err
		}
		y, err := theirs.rate(ctx, o, to)
		if err != nil {
			return nil, err
		}
		a, b, ratio = append(a, x), append(b, y), append(ratio, x/y)
	}
	z, err := none.rate(ctx, o, to)
	if err != nil {
		return nil, err
	}
	return []figure{
		summarise("relayed by postroom, signed", "messages/s", "", a),
		summarise("relayed by Postfix", "messages/s", "", b),
		summarise("relay: postroom / Postfix", "ratio", ">= 2", ratio),
		summarise("the sink with nobody between", "messages/s", "", []float64{z}),
	}, nil
}

// rate submits for a while and gives messages per second: those that arrived,
// over the time until the last of them did.
func (t relayTest) rate(ctx context.Context, o options, to *sink) (float64, error) {
	to.forget()
	sendCtx, cancel := context.WithTimeout(ctx, o.seconds)
	defer cancel()
	var n atomic.Int64
	began := time.Now()
	accepted, err := pump(sendCtx, o.senders, t.dial, func() (letter, bool) {
		i := n.Add(1)
		rcpt := fmt.Sprintf("someone%d@d%02d.far.example", i, i%outsideDomains)
		return letter{t.from, rcpt, compose(seeds.Add(1), t.from, rcpt)}, true
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", t.name, err)
	}
	err = testbed.Until(ctx, 2*time.Minute, func() error {
		if got, _, _ := to.state(); int64(got) < accepted {
			return fmt.Errorf("%s: %d of %d messages arrived", t.name, got, accepted)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	got, again, last := to.state()
	if again > 0 || int64(got) > accepted {
		return 0, fmt.Errorf("%s: %d accepted, %d arrived, %d of them again", t.name, accepted, got, again)
	}
	fmt.Fprintf(os.Stderr, "bench: %s: %d messages, submitted in %.1f s, the last arrived after %.1f s\n",
		t.name, got, o.seconds.Seconds(), last.Sub(began).Seconds())
	return float64(got) / last.Sub(began).Seconds(), nil
}
