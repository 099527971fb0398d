package main

import (
	"context"
	"fmt"
	"os"
)

// repeated are commands that a client gives again and again, each by statements
// that PostgreSQL has prepared; i counts the executions.
var repeated = []struct {
	name    string
	command func(i int) string
}{
	{"SELECT", always("SELECT INBOX")},
	{"STATUS", always("STATUS to (MESSAGES UIDNEXT UNSEEN)")},
	{"FETCH of one", always("FETCH 7 (UID FLAGS ENVELOPE)")},
	{"FETCH of a listing of 100", always("FETCH 101:200 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")},
	{"SEARCH SUBJECT", always("SEARCH SUBJECT invoice")},
	{"SEARCH BODY", always("SEARCH BODY " + rareWord)},
	{"SEARCH UNSEEN", always("SEARCH UNSEEN")},
	{"STORE of one", func(i int) string { return fmt.Sprintf(`STORE 7 %cFLAGS (\Answered)`, "+-"[i%2]) }},
	{"COPY of 10", always("COPY 11:20 to")},
}

func always(command string) func(int) string { return func(int) string { return command } }

const (
	executions = 100
	lastOnes   = 10 // the hundredth and those before it
	// starts is in how many processes of the server, with sessions of PostgreSQL
	// that have prepared nothing yet, the commands are repeated.
	starts = 5
)

// earliest are the executions that count as the first, from 0: not the one that
// prepares, nor those from the sixth on, when PostgreSQL may have changed to a
// plan that serves all parameters.
var earliest = struct{ from, to int }{1, 5}

// hundredth compares the last executions of each of the repeated commands with
// the first ones, by the medians of their times, and gives the worst ratio with
// those of all. The first ones also warm up a process that has just started:
// a ratio below one is nothing to be proud of.
func (t *imapTable) hundredth(ctx context.Context, o options, s *imapSide, state string) ([]figure, error) {
	const name = "the hundredth execution to the first"
	if !o.wantsRow(name) {
		return nil, nil
	}
	first, last := make([][]float64, len(repeated)), make([][]float64, len(repeated))
	for range starts {
		if err := s.stop(); err != nil {
			return nil, err
		}
		if err := s.start(ctx); err != nil {
			return nil, err
		}
		err := s.with(false, "INBOX", func(p *probe) error { return repeatAll(p, first, last) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	ratios, worst := make([]float64, len(repeated)), 0
	for i, c := range repeated {
		ratios[i] = median(last[i]) / median(first[i])
		if ratios[i] > ratios[worst] {
			worst = i
		}
		fmt.Fprintf(os.Stderr, "bench: imap, %s, %s, %s: %.3g ms, then %.3g ms, ratio %.3g\n",
			name, c.name, state, median(first[i]), median(last[i]), ratios[i])
	}
	f := summarise(fmt.Sprintf("%s, %s, worst: %s", name, state, repeated[worst].name), "ratio", "<= 1.1", ratios)
	f.Median = f.Max
	return []figure{f}, nil
}

// repeatAll runs the commands on one connection and adds the times, in ms.
func repeatAll(p *probe, first, last [][]float64) error {
	if _, err := p.do("CREATE to"); err != nil {
		return err
	}
	for i, c := range repeated {
		for k := range executions {
			a, err := p.do("%s", c.command(k))
			if err != nil {
				return err
			}
			if k >= earliest.from && k < earliest.to {
				first[i] = append(first[i], ms(a.took))
			}
			if k >= executions-lastOnes {
				last[i] = append(last[i], ms(a.took))
			}
		}
	}
	return all(p, "DELETE to")()
}
