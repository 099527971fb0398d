package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postroom/store/storetest"
)

// TestScripts runs testdata/*.txt, each on a database of its own. A script is
// lines:
//
//	$ ARG…        run postroom with these arguments; 'single quotes' keep spaces
//	< TEXT        a line of its stdin (before its $)
//	= N           its exit status, when not 0
//	| TEXT        the next line of its stdout is exactly this
//	~ REGEXP      some line of stdout fits
//	e TEXT        stderr contains this
//	! TEXT        neither stdout nor stderr contains this
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			runScript(t, path, storetest.Database(t))
		})
	}
}

// scriptStep is one command with what is expected of it.
type scriptStep struct {
	line   int
	args   []string
	stdin  string
	code   int
	expect []expectation
}

type expectation struct {
	line int
	kind byte
	text string
}

func runScript(t *testing.T, path, url string) {
	dir := t.TempDir()
	environ := []string{"POSTROOM_DATABASE_URL=" + url, "POSTROOM_DATA_DIR=" + dir, "POSTROOM_HOSTNAME=mail.example.org",
		"POSTROOM_DNS_SERVERS=127.0.0.1:1"} // nothing there: no test asks the world
	for _, s := range parseScript(t, path, dir) {
		var out, errOut bytes.Buffer
		code := run(context.Background(), s.args, streams{in: strings.NewReader(s.stdin), out: &out, err: &errOut, environ: environ})
		if code != s.code {
			t.Fatalf("%s:%d: status %d, want %d\n%s%s", path, s.line, code, s.code, out.String(), errOut.String())
		}
		s.check(t, path, out.String(), errOut.String())
	}
}

func parseScript(t *testing.T, path, dir string) []*scriptStep {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []*scriptStep
	var stdin strings.Builder
	for i, line := range strings.Split(strings.ReplaceAll(string(raw), "$DIR", dir), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		kind, rest := line[0], strings.TrimPrefix(line[1:], " ")
		switch kind {
		case '<':
			stdin.WriteString(rest + "\n")
		case '$':
			steps = append(steps, &scriptStep{line: i + 1, args: splitArgs(rest), stdin: stdin.String()})
			stdin.Reset()
		case '=':
			if steps[len(steps)-1].code, err = strconv.Atoi(rest); err != nil {
				t.Fatalf("%s:%d: %v", path, i+1, err)
			}
		case '|', '~', 'e', '!':
			last := steps[len(steps)-1]
			last.expect = append(last.expect, expectation{i + 1, kind, rest})
		default:
			t.Fatalf("%s:%d: unknown line %q", path, i+1, line)
		}
	}
	return steps
}

var argRE = regexp.MustCompile(`'[^']*'|\S+`)

func splitArgs(s string) []string {
	args := argRE.FindAllString(s, -1)
	for i, a := range args {
		if len(a) > 1 && a[0] == '\'' {
			args[i] = a[1 : len(a)-1]
		}
	}
	return args
}

func (s *scriptStep) check(t *testing.T, path, out, errOut string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, e := range s.expect {
		ok := false
		switch e.kind {
		case '|':
			ok = len(lines) > 0 && lines[0] == e.text
			if ok {
				lines = lines[1:]
			}
		case '~':
			ok = regexp.MustCompile(`(?m)` + e.text).MatchString(out)
		case 'e':
			ok = strings.Contains(errOut, e.text)
		case '!':
			ok = !strings.Contains(out+errOut, e.text)
		}
		if !ok {
			t.Errorf("%s:%d: not so: %c %s\nstdout:\n%s\nstderr:\n%s", path, e.line, e.kind, e.text, out, errOut)
		}
	}
}
