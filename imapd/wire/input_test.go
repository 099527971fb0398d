package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// frames reads commands until the stream ends and describes each.
func frames(t *testing.T, stream string, limit int) []string {
	t.Helper()
	var out []string
	for _, src := range []io.Reader{strings.NewReader(stream), iotest.OneByteReader(strings.NewReader(stream))} {
		var got []string
		in := NewInput(src, limit)
		in.Continue = func() error { got = append(got, "+"); return nil }
		for {
			b, err := in.ReadCommand(nil)
			if errors.Is(err, io.ErrUnexpectedEOF) || err == ErrFrame {
				got = append(got, "end: "+err.Error())
				break
			}
			line := fmt.Sprintf("%q", b)
			if err != nil {
				line = "refused: " + err.Error()
			}
			got = append(got, line)
		}
		if out != nil && strings.Join(out, "\n") != strings.Join(got, "\n") {
			t.Fatalf("framing depends on how the octets arrive:\n%q\n%q", out, got)
		}
		out = got
	}
	return out
}

func TestFraming(t *testing.T) {
	end := "end: unexpected EOF"
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"lines":              {"a NOOP\r\nb NOOP\n", []string{`"a NOOP"`, `"b NOOP"`, end}},
		"literal":            {"a LOGIN {3}\r\nbob {2}\r\nhi\r\nb NOOP\r\n", []string{"+", "+", `"a LOGIN {3}\r\nbob {2}\r\nhi"`, `"b NOOP"`, end}},
		"literal+":           {"a LOGIN {3+}\r\nb\r\n x\r\n", []string{`"a LOGIN {3+}\r\nb\r\n x"`, end}},
		"octets as commands": {"a X {20+}\r\nevil NOOP\r\nevil NOO\r\nb NOOP\r\n", []string{`"a X {20+}\r\nevil NOOP\r\nevil NOO"`, `"b NOOP"`, end}},
		"too big, asked":     {"a X {900}\r\nb NOOP\r\n", []string{"refused: literal too large", `"b NOOP"`, end}},
		"too big, not asked": {"a X {70+}\r\n" + strings.Repeat("e NOOP\r\n", 8) + "123456 y\r\nb NOOP\r\n", []string{"refused: literal too large", `"b NOOP"`, end}},
		"long line":          {"a " + strings.Repeat("x", 90) + "\r\nb NOOP\r\n", []string{"refused: command too long", `"b NOOP"`, end}},
		"long line, literal": {"a " + strings.Repeat("x", 90) + " {8+}\r\ne NOOP\r\n\r\nb NOOP\r\n", []string{"refused: command too long", `"b NOOP"`, end}},
		"many small":         {"a" + strings.Repeat(" {8+}\r\ne NOOP\r\n", 8) + "\r\nb NOOP\r\n", []string{"refused: command too long", `"b NOOP"`, end}},
		"endless number":     {"a {99999999999999999999+}\r\ne NOOP\r\n", []string{"end: protocol stream lost"}},
		"huge number":        {"a {" + strings.Repeat("9", 60) + "+}\r\ne NOOP\r\n", []string{"end: protocol stream lost"}},
		"more than is read":  {"a {9000000+}\r\n", []string{"end: protocol stream lost"}},
		"brace in quotes":    {"a \"{5+}\"\r\nb NOOP\r\n", []string{`"a \"{5+}\""`, `"b NOOP"`, end}},
		"zero":               {"a {0+}\r\n\r\nb NOOP\r\n", []string{`"a {0+}\r\n"`, `"b NOOP"`, end}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := frames(t, c.in, 64); strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// A command that streams its literals and gives up must not let them act.
func TestFinishSkipsWhatWasNotRead(t *testing.T) {
	stream := "a APPEND x {10+}\r\ne1 NOOP\r\n1 {9+}\r\ne2 NOOP\r\n\r\nb NOOP\r\n"
	for _, read := range []int{0, 4, 10} {
		in := NewInput(strings.NewReader(stream), 100)
		in.Continue = func() error { return nil }
		if _, err := in.ReadCommand(func([]byte) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if read > 0 {
			if err := in.Open(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(in, make([]byte, read)); err != nil {
				t.Fatal(err)
			}
		}
		if err := in.Finish(100); err != nil {
			t.Fatalf("after %d octets: %v", read, err)
		}
		b, err := in.ReadCommand(nil)
		if string(b) != "b NOOP" || err != nil {
			t.Errorf("after %d octets: next command is %q, %v", read, b, err)
		}
	}
}

func TestFinishHasALimit(t *testing.T) {
	in := NewInput(strings.NewReader("a APPEND x {1000000+}\r\n"), 100)
	if _, err := in.ReadCommand(func([]byte) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if err := in.Finish(1000); err != ErrFrame {
		t.Errorf("got %v, want the connection to be given up", err)
	}
}

func FuzzInput(f *testing.F) {
	f.Add("a NOOP\r\nb X {3+}\r\nabc\r\n", 100)
	f.Add("a X {3}\r\nabc {900+}\r\n", 20)
	f.Fuzz(func(t *testing.T, stream string, limit int) {
		if limit < 0 || limit > 1<<16 {
			return
		}
		in := NewInput(strings.NewReader(stream), limit)
		in.Continue = func() error { return nil }
		for {
			b, err := in.ReadCommand(nil)
			if len(b) > limit {
				t.Fatalf("command of %d octets, limit %d", len(b), limit)
			}
			if err != nil && err != ErrCommandTooLong && err != ErrLiteralTooBig {
				return
			}
			parseAll(NewDecoder(b, in))
		}
	})
}
