// Package corpus makes the messages that the end-to-end cases send: ordinary,
// odd and hostile ones, the same for the same number on every machine.
package corpus

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// kind writes one sort of message.
type kind struct {
	name string
	make func(g *gen)
}

// gen is one message being written.
type gen struct {
	bytes.Buffer
	r *rand.Rand
	n int
}

// kinds are taken in turn by number, so that any run of len(kinds) messages
// has one of each.
var kinds = []kind{
	{"plain", func(g *gen) { g.head("plain"); g.end(); g.text(1 + g.r.IntN(60)) }},
	{"8-bit body", func(g *gen) {
		g.head("eight bits")
		g.line("MIME-Version: 1.0")
		g.line("Content-Type: text/plain; charset=iso-8859-1")
		g.line("Content-Transfer-Encoding: 8bit")
		g.end()
		g.octets(2000)
	}},
	{"8-bit header", func(g *gen) {
		g.head("Gr\xfc\xdfe, raw")
		g.line("X-Odd: \xff\xfe\xe4\xf6\xfc")
		g.end()
		g.text(5)
	}},
	{"UTF-8 header", func(g *gen) { g.head("Grüße, 日本語, \U0001f600"); g.end(); g.text(5) }},
	{"long lines", func(g *gen) {
		g.head("long lines")
		g.end()
		for range 3 {
			g.line(strings.Repeat("x", 900+g.r.IntN(60000)))
		}
	}},
	{"huge header", func(g *gen) {
		g.head("huge header")
		for i := range 200 + g.r.IntN(400) {
			g.line(fmt.Sprintf("X-Filler-%d: %s", i, strings.Repeat("h", 60+g.r.IntN(200))))
		}
		g.end()
		g.text(3)
	}},
	{"folded header", func(g *gen) {
		g.head("folded\r\n\t header\r\n with   spaces")
		g.line("To: a@example.org,\r\n\tb@example.org,\r\n    \"C, D\" <c@example.org>")
		g.end()
		g.text(3)
	}},
	{"deep MIME", func(g *gen) { g.head("deep"); g.nested(5 + g.r.IntN(30)) }},
	{"very deep MIME", func(g *gen) { g.head("very deep"); g.nested(150) }},
	{"many parts", func(g *gen) { g.head("many parts"); g.mixed(50 + g.r.IntN(200)) }},
	{"attached message", func(g *gen) {
		g.head("forward")
		g.line("MIME-Version: 1.0")
		g.line("Content-Type: message/rfc822")
		g.end()
		g.head("inner")
		g.end()
		g.text(4)
	}},
	{"missing end boundary", func(g *gen) {
		g.head("cut off")
		g.line("MIME-Version: 1.0")
		g.line(`Content-Type: multipart/mixed; boundary="cut"`)
		g.end()
		g.line("--cut")
		g.end()
		g.text(2)
	}},
	{"attachment", func(g *gen) { g.head("attachment"); g.attachment(10_000 + g.r.IntN(200_000)) }},
	{"empty", func(*gen) {}},
	{"header only", func(g *gen) { g.head("header only") }},
	{"body only", func(g *gen) { g.end(); g.text(4) }},
	{"no final line end", func(g *gen) { g.head("open end"); g.end(); g.WriteString("no line end") }},
	{"dots", func(g *gen) {
		g.head("dots")
		g.end()
		for _, l := range []string{".", "..", "...", ".a", "", "."} {
			g.line(l)
		}
	}},
	{"From lines", func(g *gen) { g.head("From"); g.end(); g.line("From here on"); g.line(">From there") }},
	{"blank body", func(g *gen) { g.head("blank"); g.end(); g.end(); g.end() }},
	{"duplicate fields", func(g *gen) {
		g.head("first")
		g.line("Subject: second")
		g.line("Date: not a date")
		g.line("X-No-Colon-Follows")
		g.end()
		g.text(2)
	}},
	{"controls", func(g *gen) {
		g.head("controls")
		g.end()
		g.line("tab\tbell\aescape\x1b[31m vertical\vform\fdelete\x7f")
	}},
}

// Message gives message number n, with CRLF line ends. Every hundredth is
// large: sizes then grow to 30 MB by large.
func Message(n int, large int) []byte {
	g := &gen{r: rand.New(rand.NewPCG(uint64(n), 77)), n: n}
	if large > 0 && n%100 == 99 {
		g.head("large")
		g.attachment(1 + g.r.IntN(large))
		return g.Bytes()
	}
	kinds[n%len(kinds)].make(g)
	return g.Bytes()
}

// Kind names the sort of message number n.
func Kind(n int) string { return kinds[n%len(kinds)].name }

func (g *gen) line(s string) { g.WriteString(s); g.WriteString("\r\n") }

func (g *gen) end() { g.WriteString("\r\n") }

func (g *gen) head(subject string) {
	g.line("From: Sender " + fmt.Sprint(g.n) + " <sender@outside.example>")
	g.line("To: somebody@example.test")
	g.line("Subject: " + subject)
	g.line("Date: Thu, 1 Jan 2026 00:00:00 +0000")
	g.line(fmt.Sprintf("Message-ID: <corpus-%d@outside.example>", g.n))
}

func (g *gen) text(lines int) {
	words := []string{"mail", "post", "Gruß", "naïve", "the", "of", "queue", "日本", "a", "letter"}
	for range lines {
		for range 1 + g.r.IntN(12) {
			g.WriteString(words[g.r.IntN(len(words))] + " ")
		}
		g.end()
	}
}

// octets writes n random octets but NUL, CR and LF, in lines.
func (g *gen) octets(n int) {
	for i := range n {
		b := byte(1 + g.r.IntN(255))
		if b == '\r' || b == '\n' {
			b = ' '
		}
		g.WriteByte(b)
		if i%76 == 75 {
			g.end()
		}
	}
	g.end()
}

func (g *gen) nested(depth int) {
	g.line("MIME-Version: 1.0")
	g.line(`Content-Type: multipart/mixed; boundary="b0"`)
	g.end()
	for i := 1; i < depth; i++ {
		g.line(fmt.Sprintf("--b%d", i-1))
		g.line(fmt.Sprintf(`Content-Type: multipart/mixed; boundary="b%d"`, i))
		g.end()
	}
	g.line(fmt.Sprintf("--b%d", depth-1))
	g.line("Content-Type: text/plain")
	g.end()
	g.text(2)
	for i := depth - 1; i >= 0; i-- {
		g.line(fmt.Sprintf("--b%d--", i))
	}
}

func (g *gen) mixed(parts int) {
	g.line("MIME-Version: 1.0")
	g.line("Content-Type: multipart/mixed; boundary=mixed")
	g.end()
	for i := range parts {
		g.line("--mixed")
		g.line(fmt.Sprintf("Content-Type: text/plain; charset=utf-8; name=\"part %d\"", i))
		g.line("Content-Disposition: attachment; filename*=UTF-8''t%C3%A9st")
		g.end()
		g.text(1)
	}
	g.line("--mixed--")
}

func (g *gen) attachment(size int) {
	g.line("MIME-Version: 1.0")
	g.line("Content-Type: application/octet-stream; name=blob.bin")
	g.line("Content-Transfer-Encoding: base64")
	g.end()
	src := make([]byte, 57)
	enc := make([]byte, 76)
	for n := 0; n < size; n += 78 {
		fill(g.r, src)
		base64.StdEncoding.Encode(enc, src)
		g.Write(enc)
		g.end()
	}
}

func fill(r *rand.Rand, p []byte) {
	for i := 0; i+8 <= len(p); i += 8 {
		v := r.Uint64()
		for k := range 8 {
			p[i+k] = byte(v >> (8 * k))
		}
	}
}

// Malformed are octets that a mail server must refuse and never alter.
func Malformed() map[string]io.Reader {
	return map[string]io.Reader{
		"bare LF": strings.NewReader("Subject: x\r\n\r\nbare\nLF\r\n"),
		"bare CR": strings.NewReader("Subject: x\r\n\r\nbare\rCR\r\n"),
		"NUL":     strings.NewReader("Subject: x\r\n\r\nNUL \x00 here\r\n"),
	}
}
