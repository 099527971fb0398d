package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// rareWord stands in the bodies of rareCount messages of the mailbox and
// nowhere else.
const (
	rareWord  = "quartzophone"
	rareCount = 3
)

// imapSize is the size of each message, in octets.
const imapSize = 4096

// imapWords are the words of subjects and bodies.
var imapWords = strings.Fields(`account agenda annual answer april autumn balance before board branch budget
	calendar camera change client coffee company confirm contract copy customer december deliver design desk draft
	engine evening event example factory february file finance finish follow forward friday garden group harbour
	history holiday house hundred idea inform invoice january journey kitchen language launch letter library line
	machine market meeting message minute monday morning network notice november number october offer office order
	package paper partner payment people phone picture planning please point policy present price project proposal
	quarter question receipt record remember reply report request review river saturday schedule second send
	september server service signature station status storage street summer sunday supply support system table team
	thank thursday ticket together tomorrow train travel tuesday update vacation version visit warehouse weather
	wednesday week window winter write yesterday`)

// imapDate is when the i-th message was sent and arrived: one an hour.
func imapDate(i int) time.Time {
	return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
}

// imapMessage gives the i-th of n messages of a mailbox: the same octets
// whenever it is asked. Every fourth has two parts.
func imapMessage(i, n int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 4))
	var b strings.Builder
	b.Grow(imapSize)
	sender := r.IntN(200)
	fmt.Fprintf(&b, "Return-Path: <sender%d@outside.example>\r\n", sender)
	fmt.Fprintf(&b, "Received: from mx%d.outside.example by mail.bench.test with ESMTPS id %08x;\r\n\t%s\r\n", sender%7, r.Uint32(), imapDate(i).Format(time.RFC1123Z))
	fmt.Fprintf(&b, "Message-ID: <%d.%08x@outside.example>\r\nDate: %s\r\n", i, r.Uint32(), imapDate(i).Format(time.RFC1123Z))
	fmt.Fprintf(&b, "From: \"Sender %d\" <sender%d@outside.example>\r\nTo: Reader <reader@bench.test>\r\n", sender, sender)
	fmt.Fprintf(&b, "Subject: %s\r\nMIME-Version: 1.0\r\n", words(r, 5))
	rare := i%max(1, n/rareCount) == n/(2*rareCount)
	if i%4 != 0 {
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\n\r\n")
		text(&b, r, imapSize, rare)
		return []byte(b.String())
	}
	boundary := fmt.Sprintf("part-%08x", r.Uint32())
	end := "--" + boundary + "--\r\n"
	fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=%q\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", boundary, boundary)
	text(&b, r, imapSize/2, rare)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>", boundary)
	text(&b, r, imapSize-len(end), rare)
	b.WriteString(end)
	return []byte(b.String())
}

func words(r *rand.Rand, n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = imapWords[r.IntN(len(imapWords))]
	}
	return strings.Join(out, " ")
}

// text fills b with lines of words up to size octets.
func text(b *strings.Builder, r *rand.Rand, size int, rare bool) {
	if rare {
		b.WriteString("a word of its own: " + rareWord + "\r\n")
	}
	for size-b.Len() > 100 {
		b.WriteString(words(r, 8) + "\r\n")
	}
	b.WriteString(strings.Repeat("=", max(0, size-b.Len()-2)) + "\r\n")
}
