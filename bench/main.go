// Command bench measures postroom against raw PostgreSQL in one run on one
// cluster, and prints a table or JSON. Ratios count: the machine's own speed
// drifts, so both sides alternate over several rounds.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options are what the command line sets.
type options struct {
	binary    string
	rounds    int
	seconds   time.Duration
	clients   int
	mailboxes int
	idle      int
	snapshot  time.Duration
	json      bool
	only      string
	peers     bool
	senders   int
	old       string
	stored    int
	messages  int
	others    int
	row       string
	quick     bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "postroom", "bin/postroom", "the postroom binary to measure")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each alternating pair")
	flag.DurationVar(&o.seconds, "time", 8*time.Second, "length of one measurement")
	flag.IntVar(&o.clients, "clients", 32, "SMTP and raw PostgreSQL connections")
	flag.IntVar(&o.mailboxes, "mailboxes", 100, "accounts that get mail")
	flag.IntVar(&o.idle, "idle", 1000, "selected idle IMAP connections")
	flag.DurationVar(&o.snapshot, "snapshot", 10*time.Minute, "how long a snapshot stays open in the snapshot case")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.StringVar(&o.only, "only", "", "deliver, snapshot, latency, idle, ingest, indexing or upgrade, with -peers: peers, relay or imap; empty: all")
	flag.BoolVar(&o.peers, "peers", false, "measure against Postfix with Dovecot instead (needs root)")
	flag.IntVar(&o.senders, "senders", 16, "connections that submit in the relay case")
	flag.StringVar(&o.old, "old", "", "an older postroom binary: the upgrade case fills a store with it")
	flag.IntVar(&o.stored, "stored", 100_000, "messages of that store")
	flag.IntVar(&o.messages, "messages", 20_000, "messages of the mailbox in the imap case")
	flag.IntVar(&o.others, "others", 0, "messages of other mailboxes that arrive between those, in the imap case; then the rows again with stale statistics")
	flag.StringVar(&o.row, "row", "", "only rows of the imap case whose name holds this")
	flag.BoolVar(&o.quick, "quick", false, "few messages and rounds: tries the rig, measures nothing")
	flag.Parse()
	if o.quick {
		o.rounds, o.seconds, o.idle, o.messages, o.stored = 1, time.Second, 20, 1000, 1000
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rep, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
	if o.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		_ = enc.Encode(rep)
		return
	}
	rep.print(os.Stdout)
}

// benchCase is one row of what can be measured.
type benchCase struct {
	name string
	run  func(context.Context, *rig, options) ([]figure, error)
}

// run starts a cluster and an instance and measures each case.
func run(ctx context.Context, o options) (*report, error) {
	r, err := startRig(ctx, o, quiet+withoutAsks, "")
	if err != nil {
		return nil, err
	}
	defer r.stop()
	rep := &report{Started: time.Now().UTC(), Settings: r.settings}
	cases := []benchCase{{"deliver", benchDeliver}, {"snapshot", benchSnapshot}, {"latency", benchLatency}, {"idle", benchIdle},
		{"ingest", benchIngest}, {"indexing", benchIndexing}}
	if o.old != "" {
		cases = append(cases, benchCase{"upgrade", benchUpgrade})
	}
	if o.peers {
		cases = []benchCase{{"peers", benchPeers}, {"relay", benchRelay}, {"imap", benchIMAP}}
	}
	for _, c := range cases {
		if o.only != "" && o.only != c.name {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s …\n", c.name)
		figures, err := c.run(ctx, r, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		rep.Figures = append(rep.Figures, figures...)
	}
	return rep, nil
}
