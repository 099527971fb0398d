package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// table prints rows: aligned under headers on a terminal, tab-separated and
// without headers in a pipe.
func (e *env) table(headers []string, rows [][]string) {
	if e.terminal {
		if len(rows) > 0 {
			e.printTable(headers, rows)
		}
		return
	}
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = oneLine(c)
		}
		fmt.Fprintln(e.out, strings.Join(cells, "\t"))
	}
}

// printTable prints rows aligned; with colours, what stands under level and
// state has that of its meaning.
func (e *env) printTable(headers []string, rows [][]string) {
	widths := make([]int, len(headers))
	all := append([][]string{upper(headers)}, rows...)
	for _, r := range all {
		for i, c := range r {
			widths[i] = max(widths[i], width(oneLine(c)))
		}
	}
	for n, r := range all {
		var b strings.Builder
		gap := 0
		for i, c := range r {
			if c = oneLine(c); c != "" {
				b.WriteString(strings.Repeat(" ", gap) + e.paint(cellColour(n, headers[i], c), c))
				gap = 0
			}
			gap += widths[i] - width(c) + 2
		}
		fmt.Fprintln(e.out, b.String())
	}
}

// cellColour: line 0 is the headers.
func cellColour(line int, header, cell string) colour {
	switch {
	case line == 0:
		return bold
	case header == "level" || header == "state":
		return meaning[cell]
	}
	return ""
}

func upper(s []string) []string {
	out := make([]string, len(s))
	for i, v := range s {
		out[i] = strings.ToUpper(v)
	}
	return out
}

func width(s string) int { return utf8.RuneCountInString(s) }

// oneLine keeps what a remote server said from breaking a table or a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}

// fields prints one thing as name and value lines.
func (e *env) fields(pairs ...string) {
	w := 0
	for i := 0; i < len(pairs); i += 2 {
		w = max(w, width(pairs[i]))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if e.terminal {
			value := oneLine(pairs[i+1])
			if pairs[i] == "state" {
				value = e.paint(meaning[value], value)
			}
			fmt.Fprintf(e.out, "%s%*s  %s\n", e.paint(bold, pairs[i]), w-width(pairs[i]), "", value)
		} else {
			fmt.Fprintf(e.out, "%s\t%s\n", pairs[i], oneLine(pairs[i+1]))
		}
	}
}

// say prints a line for people: only on a terminal, so that scripts read
// results alone.
func (e *env) say(format string, args ...any) {
	if e.terminal && !e.JSON {
		fmt.Fprintf(e.out, format+"\n", args...)
	}
}

// json prints v when --json was given, and tells so.
func (e *env) json(v any) (bool, error) {
	if !e.JSON {
		return false, nil
	}
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	if e.terminal {
		enc.SetIndent("", "  ")
	}
	return true, enc.Encode(v)
}

// result prints v as JSON, or does what text says.
func (e *env) result(v any, text func()) error {
	if done, err := e.json(v); done {
		return err
	}
	text()
	return nil
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// octets gives a size for people: "1.4 MB", in powers of 1024.
func octets(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

// plural gives "1 account", "2 accounts".
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		noun = stem + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// orEmpty makes JSON lists [] and not null.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
