package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"postroom/internal/mail"
)

func TestDecodeText(t *testing.T) {
	for in, want := range map[string]string{
		" plain\r\n":                                      "plain",
		"folded\r\n\tline":                                "folded\tline",
		"=?ISO-8859-1?Q?a?= b":                            "a b",
		"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=":           "ab",
		"=?ISO-8859-1?Q?a?=\r\n    =?utf-8?q?_b?=":        "a b",
		"=?ISO-8859-1?Q?a_b?=":                            "a b",
		"=?utf-8?B?4oI=?= =?utf-8?B?rA==?= cut character": "€ cut character",
		"=?US-ASCII*EN?Q?Keith_Moore?=":                   "Keith Moore",
		"(=?ISO-8859-1?Q?a?=)":                            "(a)",
		"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=":              "日本",
		"=?x-nobody?Q?kept?=":                             "kept",
		"=?utf-8?X?kept?= =?utf-8?q":                      "=?utf-8?X?kept?= =?utf-8?q",
		"Gr\xfc\xdfe":                                     "Grüße",
		"Grüße":                                           "Grüße",
		"":                                                "",
	} {
		if got := DecodeText(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func decoded(t *testing.T, in, encoding, charset string) string {
	t.Helper()
	var first string
	for i, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
		d, err := DecodeBody(r, encoding, charset)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(d)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && string(b) != first {
			t.Errorf("%q depends on how it is read: %q, %q", in, first, b)
		}
		first = string(b)
	}
	return first
}

func TestDecodeBody(t *testing.T) {
	for _, c := range []struct{ in, encoding, charset, want string }{
		{"as it is\x00\xff", "BINARY", "", "as it is\x00\xff"},
		{"aGVs\r\nbG8=\r\n", "base64", "", "hello"},
		{"aGVsbG8", "Base64", "", "hello"},
		{"aGVs!!bG8=", "base64", "", "hello"},
		{"aGk=aGk=", "base64", "", "hihi"},
		{"Z", "base64", "", ""},
		{"a=20b=3D=\r\nc  \r\nd \t", "quoted-printable", "", "a b=c\r\nd"},
		{"soft=  \r\nbreak=\nbare", "quoted-printable", "", "softbreakbare"},
		{"=zz =4 end=", "quoted-printable", "", "=zz =4 end"},
		{"=e4=F6", "quoted-printable", "iso-8859-1", "äö"},
		{"\x82\xa0", "8bit", "shift_jis", "あ"},
		{"any\xff", "8bit", "x-nobody-knows", "any\xff"},
	} {
		if got := decoded(t, c.in, c.encoding, c.charset); got != c.want {
			t.Errorf("%q by %s %s gives %q, want %q", c.in, c.encoding, c.charset, got, c.want)
		}
	}
	if _, err := DecodeBody(strings.NewReader(""), "x-uuencode", ""); !mail.Is(err, mail.CodeUnknownTransferEnc) {
		t.Error(err)
	}
}

// TestDecodeBodyAgainstEncoders: whatever an encoder wrote comes back.
func TestDecodeBodyAgainstEncoders(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 0, 9000).Draw(rt, "octets")
		b64 := base64.StdEncoding.EncodeToString(want)
		for i := 76; i < len(b64); i += 78 {
			b64 = b64[:i] + "\r\n" + b64[i:]
		}
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		w.Write(want)
		w.Close()
		for encoding, in := range map[string]string{"base64": b64, "quoted-printable": qp.String()} {
			if got := decoded(t, in, encoding, ""); got != string(want) {
				rt.Fatalf("%s: %d octets came back as %d", encoding, len(want), len(got))
			}
		}
	})
}

func TestFromAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"From: a@x.test\r\n":                                  "a@x.test",
		"from : \"A, B\" <a@X.test>, c@y.test (C)\r\n":        "a@x.test c@y.test",
		"From: Group: a@x.test, b@x.test;\r\n":                "a@x.test b@x.test",
		"From: =?utf-8?q?ceo=40y.test?= <a@x.test>\r\n":       "a@x.test",
		"From: a@x.test\r\nTo: b@x.test\r\n\r\nFrom: b@x\r\n": "a@x.test",
		"From: \"ceo@y.test\" <a@x.test>\r\n":                 "a@x.test",
		"To: a@x.test\r\n":                                    "",
		"From: a@x.test\r\nFrom: b@x.test\r\n":                "",
		"From: a@x.test\r\nFrom : b@x.test\r\n":               "",
		"From:\r\n":                                           "",
		"From: nobody:;\r\n":                                  "",
		"From: a@x.test <b@x.test>\r\n":                       "",
		"From: <a@x.test> <b@x.test>\r\n":                     "",
		"From: <a@x.test> b@x.test\r\n":                       "",
		"From: <a@x.test@y.test>\r\n":                         "",
		"From: b a@x.test\r\n":                                "",
		"From: <a@x.test\r\n":                                 "",
		"From: a@x.test (c\r\n":                               "",
		"From: local\r\n":                                     "",
		"From: @x.test\r\n":                                   "",
		"From: a@x.test b.test\r\n":                           "",
	} {
		got, err := FromAddresses([]byte(in))
		var s []string
		for _, a := range got {
			s = append(s, a.String())
		}
		if strings.Join(s, " ") != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %v, %v, want %q", in, s, err, want)
		}
	}
}

func TestAppendFields(t *testing.T) {
	h := []byte("From: a\r\nSubject: one\r\n two\r\nno field\r\nX-A : b\r\nsubject: three\r\n\r\nSubject: body\r\n")
	for _, c := range []struct {
		names []string
		not   bool
		want  string
	}{
		{[]string{"SUBJECT"}, false, "Subject: one\r\n two\r\nsubject: three\r\n\r\n"},
		{[]string{"Subject", "from"}, true, "no field\r\nX-A : b\r\n\r\n"},
		{[]string{"x-a"}, false, "X-A : b\r\n\r\n"},
		{[]string{"Absent"}, false, "\r\n"},
	} {
		if got := AppendFields(nil, h, c.names, c.not); string(got) != c.want {
			t.Errorf("%v %v gives %q", c.names, c.not, got)
		}
	}
}

// rfcExample is the message whose sections RFC 9051 §6.4.5.1 numbers.
const rfcExample = `Content-Type: multipart/mixed; boundary=a

--a
Content-Type: text/plain

1
--a
Content-Type: application/octet-stream

2
--a
Content-Type: message/rfc822

Subject: 3
Content-Type: multipart/mixed; boundary=b

--b

3.1
--b
Content-Type: application/octet-stream

3.2
--b--
--a
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: image/gif

4.1
--c
Content-Type: message/rfc822

Subject: 4.2
Content-Type: multipart/mixed; boundary=d

--d

4.2.1
--d
Content-Type: multipart/alternative; boundary=e

--e

4.2.2.1
--e
Content-Type: text/richtext

4.2.2.2
--e--
--d--
--c
Content-Type: message/rfc822

Subject: 4.3

4.3.1
--c--
--a--
`

func TestSectionsAsTheRFCNumbersThem(t *testing.T) {
	b := bytes.ReplaceAll([]byte(rfcExample), []byte("\n"), []byte("\r\n"))
	root, err := DecodeParts(summarise(b).Parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path []int
		text Text
		want string // "" for no such section
	}{
		{[]int{1}, TextAll, "1"}, {[]int{2}, TextAll, "2"},
		{[]int{3, 1}, TextAll, "3.1"}, {[]int{3, 2}, TextAll, "3.2"},
		{[]int{3}, TextHeader, "Subject: 3\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"},
		{[]int{3}, TextMIME, "Content-Type: message/rfc822\r\n\r\n"},
		{[]int{4, 1}, TextMIME, "Content-Type: image/gif\r\n\r\n"},
		{[]int{4, 2, 1}, TextAll, "4.2.1"},
		{[]int{4, 2, 2, 1}, TextAll, "4.2.2.1"}, {[]int{4, 2, 2, 2}, TextAll, "4.2.2.2"},
		{[]int{4, 3, 1}, TextAll, "4.3.1"}, {[]int{4, 3}, TextBody, "4.3.1"},
		{[]int{4, 3}, TextHeader, "Subject: 4.3\r\n\r\n"},
		{nil, TextHeader, "Content-Type: multipart/mixed; boundary=a\r\n\r\n"},
		{nil, TextAll, string(b)},
		{nil, TextMIME, ""}, {[]int{1}, TextHeader, ""}, {[]int{4}, TextBody, ""},
		{[]int{5}, TextAll, ""}, {[]int{0}, TextAll, ""}, {[]int{1, 1}, TextAll, ""},
		{[]int{4, 3, 2}, TextAll, ""}, {[]int{4, 3, 1, 1}, TextAll, ""},
	} {
		off, n, ok := root.Section(c.path, c.text)
		if ok != (c.want != "") || ok && string(b[off:off+n]) != c.want {
			t.Errorf("%v %d: %v %q, want %q", c.path, c.text, ok, b[off:off+n], c.want)
		}
	}
	single, _ := DecodeParts(summarise([]byte("A: b\r\n\r\nx")).Parts)
	if off, n, ok := single.Section([]int{1}, TextAll); off != 8 || n != 1 || !ok {
		t.Error(off, n, ok)
	}
	if single.Find([]int{1, 1}) != nil || single.Find([]int{2}) != nil {
		t.Error("a single part has parts")
	}
}
