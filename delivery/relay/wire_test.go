package relay

import (
	"bufio"
	"bytes"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestReply(t *testing.T) {
	for in, want := range map[string]Reply{
		"250 2.1.0 fine\r\n":                   {250, "2.1.0", []string{"fine"}},
		"250\r\n":                              {250, "", []string{""}},
		"550-5.1.1 no\r\n550 5.1.1 user\r\n":   {550, "5.1.1", []string{"no", "user"}},
		"550 4.1.1 wrong class\n":              {550, "", []string{"4.1.1 wrong class"}},
		"354 3.0.0 go\r\n":                     {354, "", []string{"3.0.0 go"}},
		"250 2.0.0000 x\r\n":                   {250, "", []string{"2.0.0000 x"}},
		"421-4.3.2 closing\r\n421 see you\r\n": {421, "4.3.2", []string{"closing", "see you"}},
		"220 mx.test ESMTP\r\nrest is left":    {220, "", []string{"mx.test ESMTP"}},
	} {
		got, err := readReply(bufio.NewReaderSize(strings.NewReader(in), maxReplyLine))
		if err != nil || got.Code != want.Code || got.Status != want.Status || strings.Join(got.Lines, "|") != strings.Join(want.Lines, "|") {
			t.Errorf("%q: %+v %v", in, got, err)
		}
	}
}

// FuzzReply: whatever a server says, a reply is bounded and its text can go
// into a header line, a log line and a text column.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "550 5.1.1 \x00\xff\r\n", "421", "999 x\r\n", "250-\r\n251 \r\n", "25\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := readReply(bufio.NewReaderSize(bytes.NewReader(in), maxReplyLine))
		if err != nil {
			return
		}
		text := r.Text()
		if r.Code < 200 || r.Code > 599 || len(text) > 2*maxReplyText || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00") {
			t.Errorf("%q gives %+v, text %q", in, r, text)
		}
	})
}

// FuzzDots: what DATA carries comes out at the other end, however the reader
// cut it into pieces, and nothing in it ends the message.
func FuzzDots(f *testing.F) {
	f.Add([]byte(".\r\n..\r\na\r\n.\r\n"), uint8(1))
	f.Add([]byte("a\r\n.\r\n.b"), uint8(3))
	f.Add([]byte(""), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		// The store holds lines that end with CRLF only.
		in = bytes.ReplaceAll(bytes.ReplaceAll(in, []byte("\r"), nil), []byte("\n"), []byte("\r\n"))
		var wire bytes.Buffer
		d := &dotWriter{w: &wire, lineStart: true}
		for rest := in; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			if _, err := d.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		wire.WriteString(d.terminator() + "NEXT")
		r := textproto.NewReader(bufio.NewReader(&wire))
		got, err := io.ReadAll(r.DotReader())
		want := bytes.ReplaceAll(in, []byte("\r\n"), []byte("\n"))
		if len(want) > 0 && !bytes.HasSuffix(want, []byte("\n")) {
			want = append(want, '\n')
		}
		rest, _ := io.ReadAll(r.R)
		if err != nil || !bytes.Equal(got, want) || string(rest) != "NEXT" {
			t.Errorf("%q became %q, then %q (%v)", in, got, rest, err)
		}
	})
}
