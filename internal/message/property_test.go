package message

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postroom/internal/mail"
)

// TestAnySplitGivesTheSameSummary writes every odd message in many ways.
func TestAnySplitGivesTheSameSummary(t *testing.T) {
	for _, path := range oddMessages(t) {
		b := odd(t, path)
		want := summarise(b)
		for cut := 0; cut <= len(b); cut++ {
			p := NewParser(nil)
			p.Write(b[:cut])
			p.Write(b[cut:])
			if got := p.Finish(); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s cut at %d:\n%+v\n%+v", path, cut, got, want)
			}
		}
		p := NewParser(nil)
		for i := range b {
			p.Write(b[i : i+1])
		}
		if got := p.Finish(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s octet by octet:\n%+v\n%+v", path, got, want)
		}
	}
}

// drawMessage makes a message of lines that matter to the parser.
func drawMessage(t *rapid.T) []byte {
	line := rapid.SampledFrom([]string{
		"", "", "x", "--a", "--a--", "--ab", "--ab--", "--b", "--b--", "-", "--", " folded",
		"Content-Type: multipart/mixed; boundary=a", "Content-Type: multipart/digest; boundary=ab",
		"Content-Type: multipart/alternative;\r\n boundary=\"b\"", "Content-Type: message/rfc822",
		"Content-Type: text/html", "Content-Transfer-Encoding: base64", "Subject: s", "From: a <b@c>",
		strings.Repeat("long", 700), "--a" + strings.Repeat(" ", 3000),
	})
	b := strings.Join(rapid.SliceOfN(line, 0, 40).Draw(t, "lines"), "\r\n")
	return []byte(b + rapid.SampledFrom([]string{"", "\r", "\r\n", "\r\n-", "\r\n--a"}).Draw(t, "end"))
}

func TestSplitsOfDrawnMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawMessage(t)
		want := summarise(b)
		p := NewParser(nil)
		for rest := b; len(rest) > 0; {
			n := rapid.IntRange(1, min(len(rest), 3000)).Draw(t, "n")
			p.Write(rest[:n])
			rest = rest[n:]
		}
		if got := p.Finish(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n%+v\n%+v", b, got, want)
		}
		if err := checkSummary(b, want); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
	})
}

// checkSummary tells whether a summary is what clients rely on.
func checkSummary(b []byte, s mail.Summary) error {
	root, err := DecodeParts(s.Parts)
	if err != nil {
		return err
	}
	if root.HeaderOff != 0 || root.BodyOff != s.HeaderSize || root.EndOff != int64(len(b)) || s.Size != root.EndOff {
		return fmt.Errorf("the root is not the message: %+v", root)
	}
	if err := checkPart(b, root); err != nil {
		return err
	}
	if n := valueLen(s.Envelope); n == 0 || n != len(s.Envelope) {
		return fmt.Errorf("envelope is not one list: %q", s.Envelope)
	}
	if n := valueLen(s.BodyStructure); n == 0 || n != len(s.BodyStructure) {
		return fmt.Errorf("body structure is not one list: %q", s.BodyStructure)
	}
	if bytes.Equal(BasicBody(s.BodyStructure), []byte(unknownBody)) {
		return fmt.Errorf("no BODY of %q", s.BodyStructure)
	}
	return nil
}

// checkPart tells whether parts lie in order inside each other.
func checkPart(b []byte, p *Part) error {
	if p.HeaderOff > p.BodyOff || p.BodyOff > p.EndOff || p.EndOff > int64(len(b)) {
		return fmt.Errorf("offsets: %+v", p)
	}
	if n := int64(bytes.Count(b[p.BodyOff:p.EndOff], []byte("\n"))); n != p.Lines {
		return fmt.Errorf("%d lines, has %d: %+v", p.Lines, n, p)
	}
	at := p.BodyOff
	for _, c := range append(p.Children, p.Message) {
		if c == nil {
			continue
		}
		if c.HeaderOff < at || c.EndOff > p.EndOff {
			return fmt.Errorf("%+v is not inside %+v", c, p)
		}
		at = c.EndOff
		if err := checkPart(b, c); err != nil {
			return err
		}
	}
	return nil
}

func TestLimitsOfNestingAndNumber(t *testing.T) {
	var deep, many, messages strings.Builder
	for i := range 500 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d.\r\n\r\n--b%d.\r\n", i, i)
		messages.WriteString("Content-Type: message/rfc822\r\n\r\n")
	}
	many.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for range 3 * MaxParts {
		many.WriteString("--b\r\nContent-Type: text/html; name=\"" + strings.Repeat("n", 200) + "\"\r\n\r\n")
	}
	for name, text := range map[string]string{"deep": deep.String(), "many": many.String(), "messages": messages.String()} {
		s := summarise([]byte(text))
		if err := checkSummary([]byte(text), s); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
		if n := len(s.BodyStructure); n > 4<<20 {
			t.Errorf("%s: a structure of %d octets", name, n)
		}
	}
	root, err := DecodeParts(summarise([]byte(deep.String())).Parts)
	if err != nil {
		t.Fatal(err)
	}
	depth := 0
	for root.IsMultipart() {
		root = root.Children[0]
		depth++
	}
	if depth != MaxDepth || root.Type != "application" {
		t.Errorf("%d levels, then %s/%s", depth, root.Type, root.Subtype)
	}
}

// TestHugeHeaders: what is kept does not grow with what is sent.
func TestHugeHeaders(t *testing.T) {
	p := NewParser(nil)
	p.Write([]byte("From: a@x.test\r\nTo: "))
	chunk := bytes.Repeat([]byte("a,"), 32<<10)
	for range 200 {
		p.Write(chunk)
	}
	p.Write([]byte("\r\nSubject: not seen\r\n\r\nbody\r\n"))
	if n := len(p.header) + len(p.top) + len(p.line); n > 2*MaxHeader {
		t.Errorf("%d octets are held", n)
	}
	s := p.Finish()
	if n := len(s.Envelope); n > 3*maxWire || s.Fields != nil {
		t.Errorf("an envelope of %d octets, fields of %d", n, len(s.Fields))
	}
	if s.HeaderSize != s.Size-6 || s.Preview != "body" {
		t.Errorf("header %d of %d, preview %q", s.HeaderSize, s.Size, s.Preview)
	}
}

func TestExtraFieldsCount(t *testing.T) {
	p := NewParser([]byte("Message-ID: <added@x>\r\nDate: 3 Mar 2026 10:00 +0000\r\n"))
	p.Write([]byte("From: a@x.test\r\n\r\nbody\r\n"))
	s := p.Finish()
	if s.MessageID != "<added@x>" || s.SentAt.IsZero() || s.HeaderSize != 18 || s.Size != 24 {
		t.Errorf("%+v", s)
	}
	if !bytes.HasPrefix(s.Fields, []byte("Message-ID:")) || !bytes.Contains(s.Envelope, []byte("<added@x>")) {
		t.Errorf("%q %q", s.Fields, s.Envelope)
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{
		"Tue, 1 Jul 2003 10:52:37 +0200":                  "2003-07-01T08:52:37Z",
		"21 Nov 97 09:55:06 GMT":                          "1997-11-21T09:55:06Z",
		"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600": "1997-11-21T15:55:06Z",
		"Tue,1 Jul 2003 10:52:37 PDT (summer)":            "2003-07-01T17:52:37Z",
		"Thu Jan  2 15:04:05 2025":                        "2025-01-02T15:04:05Z",
		"2 Jan 2025 15:04":                                "2025-01-02T15:04:00Z",
		"02-Jan-2025 15:04:05 +0530":                      "2025-01-02T09:34:05Z",
		"31 Feb 2025 00:00:00 +0000":                      "",
		"tomorrow":                                        "",
		"1 Jan 99999999999 00:00:00":                      "",
		"":                                                "",
		"1 Jan 2025 23:59:60 +0000":                       "2025-01-01T23:59:59Z",
		"1 Jan 2025 00:00:00 +9999":                       "2025-01-01T00:00:00Z",
	} {
		got := ""
		if at := parseDate([]byte(in)); !at.IsZero() {
			got = at.Format("2006-01-02T15:04:05Z")
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func benchMessage(size int) []byte {
	b := []byte("Received: from a by b; Tue, 3 Mar 2026 10:00:00 +0100\r\nFrom: Ann Example <ann@example.test>\r\nTo: Bob <bob@example.test>, carol@example.test\r\nSubject: a benchmark\r\nDate: Tue, 3 Mar 2026 10:00:00 +0100\r\nMessage-ID: <0123456789@example.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")
	r := rand.New(rand.NewPCG(1, 2))
	for len(b) < size {
		for range 76 {
			b = append(b, byte('a'+r.IntN(26)))
		}
		b = append(b, "\r\n"...)
	}
	return b
}

func BenchmarkSmall(b *testing.B) {
	m := benchMessage(4096)
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		summarise(m)
	}
}

func BenchmarkBigMultipart(b *testing.B) {
	m := bytes.Replace(benchMessage(8<<20), []byte("text/plain; charset=utf-8\r\n\r\n"), []byte("multipart/mixed; boundary=bound\r\n\r\n--bound\r\n\r\n"), 1)
	b.SetBytes(int64(len(m)))
	for b.Loop() {
		summarise(m)
	}
}
