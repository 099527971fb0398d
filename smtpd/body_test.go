package smtpd

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pieces is a source of small reads, so that every border falls everywhere.
type pieces struct {
	s string
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.s == "" {
		return 0, errGone
	}
	n := copy(b, p.s[:min(p.n, len(p.s))])
	p.s = p.s[n:]
	return n, nil
}

// undot is what RFC 5321 §4.5.2 says, slowly: the message, and what follows
// its end; ok is false when there is no end.
func undot(s string) (message, rest string, ok bool) {
	end := strings.Index("\r\n"+s, "\r\n.\r\n")
	if end < 0 {
		return "", "", false
	}
	message, rest = s[:end], s[end+len(".\r\n"):]
	message = strings.ReplaceAll("\r\n"+message, "\r\n.", "\r\n")[2:]
	return message, rest, true
}

func TestDotReaderAgainstTheRFC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"\r", "\n", "\r\n", ".", "\r\n.", "a", "\x00", "\r\n.\r\n",
			strings.Repeat("x", 15), strings.Repeat("y", 17)}), 0, 40).Draw(t, "octets"), "")
		src := &pieces{s: s, n: rapid.IntRange(1, 20).Draw(t, "read")}
		r := &dotReader{w: &wire{in: bufio.NewReaderSize(src, 16)}, lineStart: true}
		var got strings.Builder
		var err error
		for err == nil {
			var part []byte
			part, err = r.next()
			got.Write(part)
		}
		message, rest, ok := undot(s)
		if ok != (err == io.EOF) {
			t.Fatalf("%q: end seen %v (%v), want %v", s, err == io.EOF, err, ok)
		}
		if !ok {
			return
		}
		after, _ := io.ReadAll(r.w.in)
		if got.String() != message || string(after) != rest {
			t.Fatalf("%q:\n got %q then %q\nwant %q then %q", s, got.String(), after, message, rest)
		}
	})
}

// A body may hold what looks like fields for longer than a header may be,
// wherever the octets before it were cut.
func TestHeaderEndsAtAnyCut(t *testing.T) {
	const header = "Subject: x\r\n\tfolded\r\n\r\n"
	s := header + strings.Repeat("12:00:00 a line of a log\r\n", 20)
	for cut := 1; cut < len(header)+2; cut++ {
		i := inspector{limits: Limits{Header: 100}.withDefaults(), max: 1000}
		for _, part := range []string{s[:cut], s[cut:]} {
			if err := i.scan([]byte(part)); err != nil {
				t.Errorf("cut behind %q: %v", s[:cut], err)
			}
		}
	}
}

func TestInspectorSeesEveryDefect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"\r", "\n", "\r\n", "\r\n", "\r\n", "a", "bc", "\x00"}), 0, 12).Draw(t, "octets"), "")
		bad := strings.ContainsAny(strings.ReplaceAll(s, "\r\n", ""), "\r\n\x00")
		i := inspector{limits: Limits{}.withDefaults(), max: 1000}
		var err error
		for rest := s; rest != "" && err == nil; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "part")
			err = i.scan([]byte(rest[:n]))
			rest = rest[n:]
		}
		if err == nil {
			err = i.finish()
		}
		if (err != nil) != bad {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
