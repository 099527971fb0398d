package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"
)

// report is everything one run found.
type report struct {
	Started  time.Time         `json:"started"`
	Settings map[string]string `json:"settings"`
	Figures  []figure          `json:"figures"`
}

// figure is one line of the report. Goal is a text such as ">= 0.25".
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	All    []float64 `json:"all,omitempty"`
	Goal   string    `json:"goal,omitempty"`
	Pair   *pair     `json:"pair,omitempty"` // both sides, where this is their ratio
}

// summarise makes a figure of the values of several rounds.
func summarise(name, unit, goal string, values []float64) figure {
	s := slices.Sorted(slices.Values(values))
	if len(s) == 0 {
		return figure{Name: name, Unit: unit, Goal: goal}
	}
	return figure{Name: name, Unit: unit, Goal: goal, Median: s[len(s)/2], Min: s[0], Max: s[len(s)-1], All: values}
}

func (r *report) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "setting\tvalue")
	for _, k := range slices.Sorted(maps.Keys(r.Settings)) {
		fmt.Fprintf(tw, "%s\t%s\n", k, r.Settings[k])
	}
	fmt.Fprintln(tw, "\nfigure\tmedian\tmin\tmax\tunit\tgoal")
	var pairs []figure
	for _, f := range r.Figures {
		if f.Pair != nil {
			pairs = append(pairs, f)
			continue
		}
		fmt.Fprintf(tw, "%s\t%.3g\t%.3g\t%.3g\t%s\t%s\n", f.Name, f.Median, f.Min, f.Max, f.Unit, f.Goal)
	}
	tw.Flush()
	if len(pairs) > 0 {
		fmt.Fprintln(w)
		printPairs(w, pairs)
	}
}
