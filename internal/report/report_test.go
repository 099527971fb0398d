package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"postroom/internal/message"
)

func open(t testing.TB, s string) *Message {
	t.Helper()
	p := message.NewParser(nil)
	p.Write([]byte(s))
	parts, err := message.DecodeParts(p.Finish().Parts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(strings.NewReader(s), parts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func multipart(parts ...string) string {
	return "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" + strings.Join(parts, "\r\n--b\r\n") + "\r\n--b--\r\n"
}

func TestReturned(t *testing.T) {
	for name, part := range map[string]string{
		"whole":          "Content-Type: message/rfc822\r\n\r\nMessage-ID: <m@us.test>\r\n\r\nbody\r\n",
		"whole, UTF-8":   "Content-Type: message/global\r\n\r\nMessage-ID: <m@us.test>\r\n\r\nbody\r\n",
		"header":         "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <m@us.test>\r\n",
		"header, UTF-8":  "Content-Type: message/global-headers\r\n\r\nMessage-ID: <m@us.test>\r\n",
		"encoded":        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nTWVzc2FnZS1JRDogPG1AdXMudGVzdD4KCmJvZHk=\r\n",
		"encoded header": "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nMessage-ID: <m=40us.test>\r\n",
		"nested deeper":  "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <m@us.test>\r\n\r\n--c--",
	} {
		header, err := open(t, multipart("\r\nhello", part)).Returned()
		if o := ReadOriginal(header); err != nil || o.MessageID != "<m@us.test>" {
			t.Errorf("%s: %q gives %+v, %v", name, header, o, err)
		}
	}
	if header, err := open(t, multipart("\r\nhello")).Returned(); len(header) != 0 || err != nil {
		t.Errorf("nothing returned: %q, %v", header, err)
	}
}

func TestContentIsBounded(t *testing.T) {
	m := open(t, "Content-Type: text/plain\r\n\r\n"+strings.Repeat("a", MaxPart+1000))
	if b, err := m.Text(); len(b) != MaxPart || err != nil {
		t.Errorf("%d octets, %v", len(b), err)
	}
	m = open(t, multipart("Content-Type: text/rfc822-headers\r\n\r\n"+strings.Repeat("a", MaxPart+1000)))
	if b, err := m.Returned(); len(b) != message.MaxPartHeader || err != nil {
		t.Errorf("%d octets, %v", len(b), err)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		multipart("Content-Type: text/html\r\n\r\n<p>x", "Content-Type: text/plain; charset=iso-8859-1\r\n\r\ngr\xfc\xdfe"): "grüße",
		multipart("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8="):                          "hello",
		multipart("Content-Type: text/plain\r\nContent-Transfer-Encoding: rot13\r\n\r\nuryyb"):                              "uryyb",
		multipart("Content-Type: text/html\r\n\r\n<p>x"):                                                                    "",
		multipart("Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nquoted"):                                           "",
		"Subject: x\r\n\r\nhello": "hello",
	} {
		if got, err := open(t, in).Text(); string(got) != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestReadOriginal(t *testing.T) {
	var header bytes.Buffer
	header.WriteString("Received: from a by b with SMTP id <xyz>; today\r\nReceived: by us.test\r\n\tid 00000g0000001; today\r\nReceived: from c by d ID 00000G0000002\r\n")
	for i := range 60 {
		fmt.Fprintf(&header, "Received: from c by d id %013d\r\n", i)
	}
	header.WriteString("message-id:\r\n <m@us.test> (new)\r\nMessage-ID: <second@us.test>\r\n\r\nMessage-ID: <body@us.test>\r\n")
	o := ReadOriginal(header.Bytes())
	if o.MessageID != "<m@us.test>" || len(o.Traces) != maxTraces || o.Traces[0].String() != "00000g0000001" || o.Traces[1].String() != "00000g0000002" {
		t.Errorf("%+v", o)
	}
	if o := ReadOriginal(nil); o.MessageID != "" || o.Traces != nil {
		t.Errorf("nothing gives %+v", o)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		" a \r\n\tb\x00c ": "a bc", "gr\xc3\xbc\xc3\x9fe": "grüße", "a\xffb": "a\ufffdb", "a\u202eb\u200bc": "abc",
		"\u00a0x\u2028y": "x y", "12345678901": "1234567890", "123456789ü": "123456789", "123456789 x": "123456789", "": "",
	} {
		if got := Clean([]byte(in), 10); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("a \u202e\xff\r\nb"), 5)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit = max(0, min(limit, 1000))
		s := Clean(b, limit)
		if len(s) > limit || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\u202e") || Clean([]byte(s), limit) != s {
			t.Fatalf("%q became %q", b, s)
		}
	})
}
