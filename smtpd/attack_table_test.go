package smtpd

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/attacks.md anew")

// TestAttackTable keeps docs/attacks.md the list of testdata/attack. Each file
// begins with two comments: what the attacker wants, and why it fails.
func TestAttackTable(t *testing.T) {
	const page, head = "../docs/attacks.md", "| case | what is tried | why it fails | answer |\n| --- | --- | --- | --- |\n"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), head)
	if !ok {
		t.Fatalf("%s has no table of attacks", page)
	}
	table, after, _ := strings.Cut(rest, "\n\n")
	want := attackRows(t)
	if *update {
		text := before + head + strings.Join(want, "\n") + "\n"
		if after != "" {
			text += "\n" + after
		}
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got := strings.Split(strings.TrimSpace(table), "\n")
	if len(got) < 60 {
		t.Errorf("only %d attacks", len(got))
	}
	for _, row := range want {
		if !slices.Contains(got, row) {
			t.Errorf("%s lacks %s", page, row)
		}
	}
	for _, row := range got {
		if !slices.Contains(want, row) {
			t.Errorf("%s has no transcript for %s", page, row)
		}
	}
}

func attackRows(t *testing.T) []string {
	var rows []string
	for _, f := range transcripts(t, "testdata/attack/*.txt") {
		wants, one := strings.CutPrefix(f.lines[0], "# ")
		fails, two := strings.CutPrefix(f.lines[1], "# ")
		if !one || !two || !strings.HasSuffix(wants, ".") || !strings.HasSuffix(fails, ".") {
			t.Errorf("%s does not begin with what is wanted and why it fails", f.name)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |", strings.TrimPrefix(f.name, "attack/"),
			cell(wants), cell(fails), f.answer()))
	}
	return rows
}

func cell(s string) string { return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(s) }

// answer sums up what the server says: its refusals, whether it ends the
// connection, and how many messages it takes.
func (f file) answer() string {
	var parts []string
	messages, quit, closed := 0, false, false
	for _, l := range f.lines {
		op, arg, _ := strings.Cut(l, ": ")
		switch {
		case strings.HasPrefix(op, "S") && (strings.HasPrefix(arg, "4") || strings.HasPrefix(arg, "5")):
			if code := replyCode(arg); !slices.Contains(parts, code) {
				parts = append(parts, code)
			}
		case op == "M":
			messages++
		}
		quit = quit || op == "S" && strings.HasPrefix(arg, "221")
		closed = closed || op == "X:" && !quit || op == "L" && strings.Contains(arg, "handshake failed")
	}
	if closed {
		parts = append(parts, "closed")
	}
	if messages == 1 {
		parts = append(parts, "one message")
	} else if messages > 1 {
		parts = append(parts, fmt.Sprintf("%d messages", messages))
	}
	if len(parts) == 0 {
		return "nothing is taken"
	}
	return strings.Join(parts, ", ")
}

// replyCode gives the code and, where the transcript says it, the status.
func replyCode(reply string) string {
	words := strings.Fields(reply)
	if len(words) > 1 && strings.Count(words[1], ".") == 2 {
		return words[0] + " " + words[1]
	}
	return words[0]
}
