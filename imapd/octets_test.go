package imapd_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"postroom/internal/mail"
)

// fetchLiteral gives the octets of the one literal that answers a FETCH.
func (c *client) fetchLiteral(t *testing.T, item string) string {
	t.Helper()
	c.write(t, "f FETCH 1 "+item+"\r\n")
	for {
		l := c.line(t)
		if i := strings.LastIndexByte(l, '{'); strings.HasPrefix(l, "* 1 FETCH") && i > 0 {
			n, err := strconv.Atoi(strings.TrimSuffix(l[i+1:], "}"))
			if err != nil {
				t.Fatalf("%s: %s", item, l)
			}
			body := make([]byte, n)
			if _, err := io.ReadFull(c.r, body); err != nil {
				t.Fatal(err)
			}
			c.until(t, "f OK")
			return string(body)
		}
		if strings.HasPrefix(l, "f ") {
			t.Fatalf("%s: %s", item, l)
		}
	}
}

// A delivered message is its recipient's prefix and the shared octets; every
// section must come out of the right place, in pieces too.
func TestOctetsOfADelivery(t *testing.T) {
	b := newBackend(t)
	account := b.account(t, "ann@example.test")
	rnd := rand.New(rand.NewPCG(1, 2))
	var big strings.Builder
	for big.Len() < 3*mail.ChunkSize {
		fmt.Fprintf(&big, "%x%x%x%x\r\n", rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
	}
	header := "Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n"
	inner := "Subject: inner\r\nX-One: 1\r\n\r\ninner body\r\n"
	body := "--xx\r\nContent-Type: text/plain\r\n\r\n" + big.String() + "\r\n--xx\r\nContent-Type: message/rfc822\r\n\r\n" + inner + "\r\n--xx--\r\n"
	prefix := "Return-Path: <bob@example.org>\r\nDelivered-To: ann@example.test\r\n"

	w := b.spool.Begin(nil, 1<<30)
	if _, err := io.Copy(w, strings.NewReader(header+body)); err != nil {
		t.Fatal(err)
	}
	m, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Discard()
	_, err = b.store.Deliver(context.Background(), &mail.Delivery{Trace: mail.TraceID(b.store.NewID()), Content: m, Summary: m.Summary,
		Locals: []mail.LocalDelivery{{Account: account, Prefix: []byte(prefix), Received: time.Now()}}})
	if err != nil {
		t.Fatal(err)
	}

	_, addr := serve(t, b.config(), false)
	cl := dial(t, addr)
	cl.login(t, "ann@example.test")
	cl.write(t, "s SELECT INBOX\r\nz FETCH 1 RFC822.SIZE\r\n")
	whole := prefix + header + body
	if got := cl.until(t, "z "); !strings.Contains(strings.Join(got, "\n"), fmt.Sprintf("RFC822.SIZE %d)", len(whole))) {
		t.Error(got[len(got)-2:])
	}
	from := len(prefix) - 10
	for item, want := range map[string]string{
		"BODY.PEEK[]":                              whole,
		"RFC822.HEADER":                            prefix + header,
		"BODY.PEEK[HEADER]":                        prefix + header,
		"BODY.PEEK[TEXT]":                          body,
		"BODY.PEEK[1]":                             big.String(),
		"BINARY.PEEK[1]":                           big.String(),
		"BODY.PEEK[2]":                             inner,
		"BODY.PEEK[2.HEADER]":                      "Subject: inner\r\nX-One: 1\r\n\r\n",
		"BODY.PEEK[2.HEADER.FIELDS (x-one)]":       "X-One: 1\r\n\r\n",
		"BODY.PEEK[2.TEXT]":                        "inner body\r\n",
		"BODY.PEEK[2.1]":                           "inner body\r\n",
		"BODY.PEEK[1.MIME]":                        "Content-Type: text/plain\r\n\r\n",
		"BODY.PEEK[HEADER.FIELDS (Delivered-To)]":  "Delivered-To: ann@example.test\r\n\r\n",
		"BODY.PEEK[HEADER.FIELDS (SUBJECT)]":       "Subject: parts\r\n\r\n",
		"BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]":   strings.Replace(prefix+header, "Subject: parts\r\n", "", 1),
		fmt.Sprintf("BODY.PEEK[]<%d.100>", from):   whole[from : from+100],
		"BODY.PEEK[]<1000000.70000>":               whole[1000000:1070000],
		"BODY.PEEK[1]<524200.200>":                 big.String()[524200:524400],
		fmt.Sprintf("BODY.PEEK[]<%d.1>", 99999999): "",
		"BINARY.PEEK[1]<600000.5>":                 big.String()[600000:600005],
	} {
		if got := cl.fetchLiteral(t, item); got != want {
			t.Errorf("%s: %d octets, want %d; equal up to %d", item, len(got), len(want), common(got, want))
		}
	}
	needle := big.String()[mail.ChunkSize*2 : mail.ChunkSize*2+20]
	cl.write(t, "b SEARCH BODY {20+}\r\n"+needle+"\r\n")
	if got := cl.until(t, "b "); got[0] != "* SEARCH 1" {
		t.Error(got)
	}
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
