package imapd_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// onePart is a message with one part of these fields.
func onePart(fields, body string) string {
	return "Subject: x\r\nMIME-Version: 1.0\r\n" + fields + "\r\n\r\n" + body + "\r\n"
}

// oddBase64 is base64 in lines of no multiple of four, in pieces that are each
// padded.
func oddBase64(pieces ...string) string {
	var all, lines strings.Builder
	for _, p := range pieces {
		all.WriteString(base64.StdEncoding.EncodeToString([]byte(p)))
	}
	for s := all.String(); s != ""; {
		n := min(7, len(s))
		lines.WriteString(s[:n] + "\r\n")
		s = s[n:]
	}
	return lines.String()
}

// rightMail is what is searched, by number from 1.
var rightMail = []string{
	onePart("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64", oddBase64("a straw", "berry fi", "eld für Ü")),
	onePart("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", "a rasp=\r\nberry =C3=\r\n=A9clair, two=20\r\nlines =  \r\nmore"),
	onePart("Content-Type: text/html; charset=iso-8859-1", "<p title=\"gooseberry\">bl<b>ack</b>berry &amp; c&#244;te&nbsp;d&rsquo;or \xe9t\xe9<br>end<script>var cranberry</script></p>"),
	onePart("Content-Type: text/plain; charset=koi8-r", "\xd0\xd2\xc9\xd7\xc5\xd4"),
	onePart("Content-Type: text/plain; charset=iso-2022-jp", "\x1b$BF|K\\8l\x1b(B"),
	onePart("Content-Type: text/csv; charset=windows-1252\r\nContent-Disposition: attachment", "price;\x80 12\r\nelder;berry"),
	onePart("Content-Type: text/plain; charset=utf-8", "nai\u0308ve re\u0301sume\u0301 \uff26\uff35\uff2c\uff2c ﬁne Ǆ"),
	"Subject: =?utf-8?B?R3LDvMM=?= =?utf-8?B?n2U=?= from\r\n the far\r\n\tnorth\r\nFrom: =?iso-8859-1?Q?J=FCrgen_Kr=E4mer?= <j@mul.example>\r\nX-Empty:\r\nX-Raw: caf\xe9\r\n\r\nx\r\n",
	"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble word\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" +
		"Subject: =?utf-8?Q?inn=C3=A9r?= fig\r\nX-Inner: date\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain\r\n\r\nplumtree\r\n" +
		"--c\r\nContent-Type: text/calendar\r\n\r\nSUMMARY:mango\r\n--c--\r\n--b\r\nContent-Type: image/png\r\n\r\nlychee\r\n--b--\r\n",
	onePart("Content-Type: text/plain; charset=x-no-such", "ab z quite plain"),
	onePart("Content-Type: text/plain; format=flowed; delsp=yes", "a long \r\nline"),
	onePart("Content-Type: TEXT/Plain; CHARSET=\"UTF-16LE\"\r\nContent-Transfer-Encoding: BASE64", base64.StdEncoding.EncodeToString([]byte("k\x00i\x00w\x00i\x00 \x00\xfc\x00"))),
}

// What a search looks at, and what not (the ligature \ufb01 is no "fi" to
// i;unicode-casemap: RFC 5051 §2 decomposes after it changed the case); the same by the index, which knows all
// of it, and by reading every message.
func TestSearchLooksAtDecodedText(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	with := &narrowing{Store: b.store}
	c.Store = with
	_, addr := serve(t, c, false)
	c.Store = scanning{b.store}
	_, plainAddr := serve(t, c, false)
	indexed, plain := dial(t, addr), dial(t, plainAddr)
	for _, cl := range []*client{indexed, plain} {
		cl.login(t, "ann@example.test")
	}
	for i := range 70 { // more than are read without asking the index
		text := "Subject: filler\r\n\r\nnothing\r\n"
		if i < len(rightMail) {
			text = rightMail[i]
		}
		indexed.ok(t, fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text))
	}
	b.index(t, 100)
	for _, cl := range []*client{indexed, plain} {
		cl.ok(t, "SELECT INBOX")
	}
	for _, q := range []struct{ key, text, want string }{
		{"BODY", "STRAWBERRY field", "1"}, {"BODY", "für ü", "1"}, {"BODY", "c3RyYXc", ""},
		{"BODY", "raspberry É", "2"}, {"BODY", "éclair, two", "2"}, {"BODY", "two\tlines", ""}, {"BODY", "lines more", "2"}, {"BODY", "rasp=", ""},
		{"BODY", "blackberry & CÔTE", "3"}, {"BODY", "d’or été", "3"}, {"BODY", "gooseberry", ""}, {"BODY", "cranberry", ""}, {"BODY", "<b>", ""}, {"BODY", "été end", "3"},
		{"BODY", "ПРИВЕТ", "4"}, {"BODY", "риве", "4"}, {"BODY", "日本", "5"}, {"BODY", "語", "5"}, {"BODY", "本日", ""},
		{"BODY", "€ 12", "6"}, {"BODY", "elder;b", "6"},
		{"BODY", "naïve", "7"}, {"BODY", "re\u0301sumé", "7"}, {"BODY", "full", "7"}, {"BODY", "\ufb01NE", "7"}, {"BODY", "fine", ""}, {"BODY", "ǆ", "7"},
		{"SUBJECT", "grüße from the far", "8"}, {"HEADER Subject", "far\tnorth", "8"}, {"FROM", "jürgen k", "8"}, {"FROM", "MUL.example", "8"}, {"TEXT", "krämer", "8"},
		{"HEADER X-Empty", "", "8"}, {"HEADER X-Nowhere", "", ""}, {"HEADER x-raw", "CAFÉ", "8"}, {"HEADER X-Raw", "jürgen", ""}, {"BODY", "jürgen", ""}, {"TEXT", "x-empty:", "8"},
		{"BODY", "innér fig", "9"}, {"BODY", "x-inner: date", "9"}, {"BODY", "plumtree", "9"}, {"BODY", "summary:mango", "9"}, {"BODY", "lychee", ""}, {"SUBJECT", "innér", ""}, {"TEXT", "outer", "9"}, {"BODY", "outer", ""},
		{"BODY", "z q", "10"}, {"BODY", "ab", "10"}, {"BODY", "quite plain", "10"}, {"BODY", "long", "11"}, {"BODY", "kiwi ü", "12"},
	} {
		for name, cl := range map[string]*client{"index": indexed, "scan": plain} {
			command := fmt.Sprintf("SEARCH CHARSET UTF-8 1:%d %s {%d+}\r\n%s", 70, q.key, len(q.text), q.text)
			if got := strings.TrimSpace(strings.TrimPrefix(cl.ok(t, command), "* SEARCH")); got != q.want {
				t.Errorf("%s %q by %s: %q, want %q", q.key, q.text, name, got, q.want)
			}
		}
	}
	if with.asked < 20 {
		t.Errorf("the index was asked %d times", with.asked)
	}
}
