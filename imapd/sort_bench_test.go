package imapd_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postroom/imapd"
	"postroom/internal/mail"
	"postroom/store/storetest"
)

// sortMessages is the size of the mailbox that is sorted.
const sortMessages = 100_000

// BenchmarkSort sorts and threads a mailbox of 100,000 messages in threads of
// ten, each command to the end of its response.
func BenchmarkSort(b *testing.B) {
	back := newBackend(b)
	account := back.account(b, "ann@example.test")
	fillThreads(b, back, account)
	_, addr := serve(b, back.config(), false)
	c := dial(b, addr)
	_ = c.SetDeadline(time.Time{})
	c.login(b, "ann@example.test")
	c.do(b, "SELECT INBOX")
	for _, command := range []string{
		"SORT (ARRIVAL) UTF-8 ALL", "SORT (DATE) UTF-8 ALL", "SORT (SUBJECT DATE) UTF-8 ALL", "SORT (REVERSE DISPLAYFROM) UTF-8 ALL",
		"SORT (DATE) UTF-8 SUBJECT 777", "THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
	} {
		b.Run(command, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do(b, command)
			}
		})
	}
}

// do runs a command and reads to its end.
func (c *client) do(tb testing.TB, text string) {
	tb.Helper()
	c.write(tb, "x "+text+"\r\n")
	for {
		l, err := c.r.ReadString('\n')
		if err != nil {
			tb.Fatal(err)
		}
		if strings.HasPrefix(l, "x ") {
			if !strings.HasPrefix(l, "x OK") {
				tb.Fatal(l)
			}
			return
		}
	}
}

func fillThreads(b *testing.B, back *backend, account mail.AccountID) {
	b.Helper()
	inbox := storetest.Inbox(b, back.store, account)
	var list []imapd.AppendMessage
	for i := range sortMessages {
		w := back.spool.Begin(nil, 1<<20)
		thread := i / 10 * 10
		fmt.Fprintf(w, "From: =?utf-8?Q?P=C3=A9rson_%d?= <person%d@example.test>\r\nTo: bob@example.test, carol@example.test\r\n"+
			"Subject: Re: [list] What of the matter number %d today\r\nDate: Thu, 1 Jan 2026 %02d:%02d:00 +0100\r\n"+
			"Message-ID: <m%d.%d@mail.example.test>\r\nReferences: <m%d.%d@mail.example.test>\r\n", i%5000, i%5000, thread, i%24, i%60, i, i*7919, thread, thread*7919)
		if i%10 > 1 {
			fmt.Fprintf(w, " <m%d.%d@mail.example.test>\r\n", i-1, (i-1)*7919)
		}
		_, _ = io.WriteString(w, "\r\ntext\r\n")
		m, err := w.Finish()
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, imapd.AppendMessage{Message: m})
		if len(list) < 1000 {
			continue
		}
		if _, err := back.append(context.Background(), account, inbox, list); err != nil {
			b.Fatal(err)
		}
		for _, m := range list {
			m.Message.Discard()
		}
		list = list[:0]
	}
}
