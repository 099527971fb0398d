package smtpd

import (
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var replyForm = regexp.MustCompile(`^(?:[2-5][0-9]{2}(?:-[^\r\n]*\r\n|[ ][^\r\n]*\r\n))*$`)

// FuzzSession sends raw octets: whatever they are, the server answers in
// well-formed replies, ends, holds nothing open, and accepts no message with
// a bare CR, a bare LF or a NUL.
func FuzzSession(f *testing.F) {
	for _, t := range transcripts(f, "testdata/*.txt", "testdata/attack/*.txt") {
		f.Add(clientOctets(t.lines))
	}
	r := start(f, Config{MaxMessageSize: 2000, Limits: Limits{ReadTimeout: 5 * time.Second, ErrorDelay: time.Nanosecond,
		HardErrors: 1000, Junk: 1000}, LiftLimits: true}, false)
	f.Fuzz(func(t *testing.T, in []byte) {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		go func() {
			conn.Write(in)
			conn.(*net.TCPConn).CloseWrite()
		}()
		out, err := io.ReadAll(conn)
		if err != nil && !isReset(err) {
			t.Fatalf("the session does not end: %v after %q", err, out)
		}
		if i := strings.Index(string(out), "220 2.0.0 ready for TLS\r\n"); i >= 0 {
			out = out[:i] // an alert follows
		}
		if err == nil && !replyForm.Match(out) {
			t.Errorf("malformed replies: %q", out)
		}
		r.backend.mu.Lock()
		defer r.backend.mu.Unlock()
		for _, m := range r.backend.messages {
			rest := strings.ReplaceAll(m.octets, "\r\n", "")
			if strings.ContainsAny(rest, "\r\n\x00") || len(m.octets) > 2000 || len(m.env.Recipients) == 0 {
				t.Errorf("accepted: %+v", m)
			}
		}
		r.backend.messages = nil
	})
}

// clientOctets is what a transcript's client sends.
func clientOctets(lines []string) []byte {
	var b strings.Builder
	for _, l := range lines {
		op, arg, _ := strings.Cut(l, ": ")
		switch op {
		case "C":
			b.WriteString(arg + "\r\n")
		case "R":
			raw, _ := strconv.Unquote(arg)
			b.WriteString(raw)
		}
	}
	return []byte(b.String())
}
