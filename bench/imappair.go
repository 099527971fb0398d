package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// pair is one row measured on both sides of one run.
type pair struct {
	Name   string    `json:"-"`
	Unit   string    `json:"-"`
	Ours   []float64 `json:"ours"`
	Theirs []float64 `json:"theirs"`
	Goal   float64   `json:"goal,omitempty"`
	More   bool      `json:"more_is_better,omitempty"`
	Met    bool      `json:"met"`
}

func (p *pair) add(ours bool, v float64) {
	if ours {
		p.Ours = append(p.Ours, v)
	} else {
		p.Theirs = append(p.Theirs, v)
	}
}

// figure gives the ratio of the medians' row, with both sides beside it.
func (p *pair) figure() figure {
	ratios := make([]float64, len(p.Ours))
	for i := range ratios {
		ratios[i] = p.Ours[i] / p.Theirs[i]
	}
	f := summarise(p.Name, "ours / Dovecot's", p.goal(), ratios)
	p.Met = f.Median <= p.Goal
	if p.More {
		p.Met = f.Median >= p.Goal
	}
	f.Pair = p
	return f
}

func (p *pair) goal() string {
	switch {
	case p.Goal == 0:
		return ""
	case p.More:
		return fmt.Sprintf(">= %g", p.Goal)
	}
	return fmt.Sprintf("<= %g", p.Goal)
}

func (p *pair) verdict() string {
	switch {
	case p.Goal == 0:
		return ""
	case p.Met:
		return "ok"
	}
	return "missed"
}

// printPairs prints the rows that have two sides, as medians.
func printPairs(w io.Writer, figures []figure) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "work\tunit\tours\tDovecot\tratio\tgoal\t")
	for _, f := range figures {
		fmt.Fprintf(tw, "%s\t%s\t%.4g\t%.4g\t%.3g\t%s\t%s\n", f.Name, f.Pair.Unit, median(f.Pair.Ours), median(f.Pair.Theirs),
			f.Median, f.Goal, f.Pair.verdict())
	}
	tw.Flush()
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return 0
	}
	return s[len(s)/2]
}
