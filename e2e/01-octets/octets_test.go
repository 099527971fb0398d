// Package octets sends every kind of message in by port 25 and by APPEND and
// compares what comes out by hash: nothing is ever altered.
package octets

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postroom/e2e/client"
	"postroom/e2e/corpus"
	"postroom/e2e/testbed"
)

// How much is sent: 10,000 messages and 30 MB outside CI; a folder of more
// messages (*.txt, *.msg, *.eml), or none.
var (
	count = testbed.Number("POSTROOM_TEST_MESSAGES", 1000)
	large = testbed.Number("POSTROOM_TEST_LARGE", 4<<20)
	dir   = os.Getenv("POSTROOM_TEST_MAIL")
)

const user = "alice@example.test"

// messages gives the generated and the found messages by name.
func messages(t *testing.T) map[string][]byte {
	out := map[string][]byte{}
	for n := range count {
		out[fmt.Sprintf("%05d %s", n, corpus.Kind(n))] = corpus.Message(n, large)
	}
	if dir == "" {
		return out
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.HasSuffix(f.Name(), ".mbox.txt"):
			for k, m := range splitMbox(b) {
				out[fmt.Sprintf("%s #%d", f.Name(), k)] = crlf(m)
			}
		case f.Name() != "README.md":
			out[f.Name()] = crlf(b)
		}
	}
	return unlike(out)
}

// unlike leaves out messages with a Message-ID whose octets are there already:
// a server takes such a one for a retry.
func unlike(all map[string][]byte) map[string][]byte {
	seen := map[[32]byte]bool{}
	for name, m := range all {
		h := sha256.Sum256(m)
		if seen[h] && bytes.Contains(bytes.ToLower(m), []byte("message-id:")) {
			delete(all, name)
		}
		seen[h] = true
	}
	return all
}

// crlf makes every line end CRLF.
func crlf(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	b = bytes.ReplaceAll(b, []byte("\r"), nil)
	b = bytes.ReplaceAll(b, []byte("\x00"), nil)
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

func splitMbox(b []byte) [][]byte {
	var out [][]byte
	for _, part := range bytes.Split(append([]byte("\n"), b...), []byte("\nFrom ")) {
		if _, rest, ok := bytes.Cut(part, []byte("\n")); ok && len(rest) > 0 {
			out = append(out, rest)
		}
	}
	return out
}

// ledger holds the names of what went in and did not come out yet, by hash:
// some messages, such as the empty one, are the same octets.
type ledger map[[32]byte][]string

func (l ledger) add(name string, m []byte) {
	h := sha256.Sum256(m)
	l[h] = append(l[h], name)
}

func (l ledger) remove(t *testing.T, m []byte) {
	t.Helper()
	h := sha256.Sum256(m)
	if len(l[h]) == 0 {
		t.Errorf("this came out and never went in, or once more: %.200q", m)
		return
	}
	l[h] = l[h][1:]
}

func (l ledger) check(t *testing.T) {
	t.Helper()
	for _, names := range l {
		for _, name := range names {
			t.Errorf("%s did not come out identical", name)
		}
	}
}

func TestOctetsByAppend(t *testing.T) {
	inst := testbed.Company(t, testbed.Options{}, "example.test", "alice")
	c, err := inst.IMAPS(user, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	want := ledger{}
	for name, m := range messages(t) {
		if len(m) == 0 {
			continue // RFC 3502 §6.3.11: a zero-length literal cancels the APPEND
		}
		status, err := c.Append("INBOX", m)
		if err != nil || !strings.HasPrefix(status, "OK") {
			t.Fatalf("%s: %s %v", name, status, err)
		}
		want.add(name, m)
	}
	if _, _, err := c.Select("INBOX"); err != nil {
		t.Fatal(err)
	}
	eachMessage(t, c, func(body []byte) {
		want.remove(t, body)
	})
	want.check(t)
}

func TestOctetsByPort25(t *testing.T) {
	inst := testbed.Company(t, testbed.Options{}, "example.test", "alice")
	s, _, err := client.DialSMTP(inst.Ports.SMTP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	if _, err := s.Cmd("EHLO sender.test"); err != nil {
		t.Fatal(err)
	}
	want := ledger{}
	n := 0
	for name, m := range messages(t) {
		send := s.Send
		if !bytes.HasSuffix(m, []byte("\r\n")) {
			send = s.SendBDAT // DATA can't leave a last line open
		}
		r, err := send("sender@outside.example", []string{user}, m)
		if err != nil || r.Err() != nil {
			t.Fatalf("%s: %v %v", name, r, err)
		}
		want.add(name, m)
		if n++; n%90 == 0 { // as a server does that limits messages a connection
			s.Close()
			if s, _, err = client.DialSMTP(inst.Ports.SMTP, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Cmd("EHLO sender.test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := inst.IMAPS(user, testbed.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, mailbox := range []string{"INBOX", "Junk"} { // some of them nobody would call good
		if _, _, err := c.Select(mailbox); err != nil {
			t.Fatal(err)
		}
		eachMessage(t, c, func(body []byte) {
			rest, err := withoutTrace(body)
			if err != nil {
				t.Error(err)
				return
			}
			want.remove(t, rest)
		})
	}
	want.check(t)
}

func TestBareCRBareLFAndNULAreRefused(t *testing.T) {
	inst := testbed.Company(t, testbed.Options{}, "example.test", "alice")
	for name, r := range corpus.Malformed() {
		m, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := client.DialSMTP(inst.Ports.SMTP, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Cmd("EHLO sender.test"); err != nil {
			t.Fatal(err)
		}
		if rep, err := s.Send("sender@outside.example", []string{user}, m); err != nil || rep.Code < 500 {
			t.Errorf("%s by port 25: %v %v", name, rep, err)
		}
		s.Close()
		c, err := inst.IMAPS(user, testbed.Password)
		if err != nil {
			t.Fatal(err)
		}
		if status, err := c.Append("INBOX", m); err != nil || !strings.HasPrefix(status, "NO") {
			t.Errorf("%s by APPEND: %s %v", name, status, err)
		}
		if exists, _, err := c.Select("INBOX"); err != nil || exists != 0 {
			t.Errorf("%s: INBOX holds %d messages, %v", name, exists, err)
		}
		c.Close()
	}
}

// eachMessage fetches the selected mailbox in small pieces.
func eachMessage(t *testing.T, c *client.IMAP, fn func(body []byte)) {
	t.Helper()
	lines, err := c.OK("UID SEARCH ALL")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		rest, ok := strings.CutPrefix(l.Text, "* SEARCH")
		if !ok {
			continue
		}
		for _, uid := range strings.Fields(rest) {
			msgs, err := c.Fetch(uid)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range msgs {
				fn(m.Body)
			}
		}
	}
}

// withoutTrace cuts the trace fields that delivery puts before the octets:
// Return-Path, Delivered-To and one Received, each possibly folded.
func withoutTrace(body []byte) ([]byte, error) {
	for _, name := range []string{"Return-Path:", "Delivered-To:", "Authentication-Results:", "Received:"} {
		if !bytes.HasPrefix(body, []byte(name)) {
			return nil, fmt.Errorf("the message does not go on with %s but with %.60q", name, body)
		}
		for {
			i := bytes.Index(body, []byte("\r\n"))
			body = body[i+2:]
			if len(body) == 0 || body[0] != ' ' && body[0] != '\t' {
				break
			}
		}
	}
	return body, nil
}
