package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"postroom/e2e/client"
)

// peers is Debian's Postfix, delivering by LMTP to Debian's Dovecot, each with
// a configuration and folders of this run's own.
type peers struct {
	postfix *postfix
	dovecot *dovecot
}

// startPeers starts both on free loopback ports; it needs root, as they do.
func startPeers(ctx context.Context, dir string) (*peers, error) {
	d, err := startDovecot(ctx, dir)
	if err != nil {
		return nil, err
	}
	p := &peers{dovecot: d}
	p.postfix, err = startPostfix(ctx, dir, fmt.Sprintf(`mynetworks =
virtual_mailbox_domains = bench.test
virtual_mailbox_maps = static:any
virtual_transport = lmtp:inet:127.0.0.1:%s
lmtp_destination_concurrency_limit = 50
`, port(d.lmtp)))
	if err != nil {
		p.stop()
	}
	return p, err
}

func port(addr string) string {
	_, n, _ := net.SplitHostPort(addr)
	return n
}

func (p *peers) stop() {
	if p.postfix != nil {
		p.postfix.stop()
	}
	p.dovecot.stop()
}

// benchPeers measures the same load against Postfix with Dovecot, in turn with
// postroom's own.
func benchPeers(ctx context.Context, r *rig, o options) ([]figure, error) {
	dir, err := openDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p, err := startPeers(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	other := &rig{smtp: p.postfix.smtp, imap: p.dovecot.imap, accounts: r.accounts, pid: p.dovecot.pid()}
	var ours, theirs, ratio []float64
	for range o.rounds {
		a, err := deliverRate(ctx, r, r.accounts, o.clients, o.seconds)
		if err != nil {
			return nil, err
		}
		b, err := deliverRate(ctx, other, r.accounts, o.clients, o.seconds)
		if err != nil {
			return nil, fmt.Errorf("postfix and dovecot: %w", err)
		}
		ours, theirs, ratio = append(ours, a), append(theirs, b), append(ratio, a/b)
	}
	out := []figure{
		summarise("visible deliveries", "messages/s", "", ours),
		summarise("the same by Postfix and Dovecot", "messages/s", "", theirs),
		summarise("ratio", "ours / theirs", "", ratio),
	}
	for _, x := range []struct {
		name string
		rig  *rig
	}{{"", r}, {"Postfix and Dovecot: ", other}} {
		figures, err := benchLatency(ctx, x.rig, o)
		if err != nil {
			return nil, err
		}
		each, err := growth(ctx, x.rig, o.idle, func(i int) (*client.IMAP, error) { return x.rig.idle(i, nil) })
		if err != nil {
			return nil, err
		}
		figures = append(figures, summarise("PSS per selected idle connection", "kB", "", []float64{each}))
		for _, f := range figures {
			f.Name, f.Goal = x.name+f.Name, ""
			out = append(out, f)
		}
	}
	return out, nil
}
