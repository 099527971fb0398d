package imapd_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postroom/internal/indexer"
	"postroom/internal/mail"
	"postroom/internal/spool"
)

// BenchmarkSearch searches a mailbox of 20,000 messages of 4 KiB, by what the
// index names and by reading all; and makes the index.
func BenchmarkSearch(b *testing.B) {
	const n = 20000
	back := newBackend(b)
	acct := back.account(b, "ann@example.test")
	fillInbox(b, back, n)
	begun := time.Now()
	if _, err := indexer.New(back.store, nil, slog.New(slog.DiscardHandler)).Round(b.Context()); err != nil {
		b.Fatal(err)
	}
	var octets, size int64
	if err := back.store.QueryForTest(b.Context(), []any{&octets, &size}, `SELECT (SELECT sum(octets) FROM search_segments),
		sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relname ~ '^search_(messages|segments|blocks)$'`); err != nil {
		b.Fatal(err)
	}
	b.Logf("account %d: indexed in %v, %v a message; index of %d MB, on disk %d MB", acct, time.Since(begun), time.Since(begun)/n, octets>>20, size>>20)
	c := back.config()
	_, addr := serve(b, c, false)
	c.Store = scanning{back.store}
	_, plainAddr := serve(b, c, false)
	for _, key := range []string{"BODY xylophon", "TEXT xylophon", "SUBJECT message-19", "FROM ann77", "BODY " + word(900), "BODY nowhere"} {
		for name, at := range map[string]string{"index": addr, "scan": plainAddr} {
			b.Run(strings.ReplaceAll(key, " ", "-")+"/"+name, func(b *testing.B) { benchKey(b, at, key) })
		}
	}
}

func benchKey(b *testing.B, addr, key string) {
	cl := dial(b, addr)
	_ = cl.SetDeadline(time.Now().Add(5 * time.Minute))
	cl.login(b, "ann@example.test")
	cl.write(b, "s SELECT INBOX\r\nw SEARCH UNSEEN\r\n") // the second loads the view
	cl.until(b, "w OK")
	b.ResetTimer()
	for range b.N {
		cl.write(b, "k SEARCH "+key+"\r\n")
		cl.until(b, "k OK")
	}
}

// fillInbox appends messages of words that are used as words are: the k-th
// about 1/k times as often as the first.
func fillInbox(b *testing.B, back *backend, n int) {
	b.Helper()
	_, addr := serve(b, back.config(), false)
	cl := dial(b, addr)
	_ = cl.SetDeadline(time.Now().Add(10 * time.Minute))
	cl.login(b, "ann@example.test")
	rnd := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rnd, 1.1, 3, 30000)
	var out bytes.Buffer
	for i := range n {
		text := letter(rnd, zipf, i)
		fmt.Fprintf(&out, "a APPEND INBOX {%d+}\r\n%s\r\n", len(text), text)
		if i%50 == 49 {
			cl.write(b, out.String())
			out.Reset()
			for range 50 {
				cl.until(b, "a OK")
			}
		}
	}
}

// letter makes a message of 4 KiB.
func letter(rnd *rand.Rand, zipf *rand.Zipf, i int) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "From: Ann <ann%d@example.test>\r\nTo: bob@example.test\r\nSubject: message-%d\r\nMessage-ID: <%x@example.test>\r\n"+
		"DKIM-Signature: v=1; b=%x%x%x%x\r\n\r\n", i%100, i, rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
	if i%2000 == 7 {
		text.WriteString("a xylophone\r\n")
	}
	for text.Len() < 4096 {
		text.WriteString(word(int(zipf.Uint64())))
		text.WriteString([]string{" ", " ", " ", " ", "\r\n"}[rnd.IntN(5)])
	}
	return text.Bytes()
}

// BenchmarkDeliverBesideIndexing has 32 senders of 4 KiB messages, without and
// with the worker that indexes what they send.
func BenchmarkDeliverBesideIndexing(b *testing.B) {
	back := newBackend(b)
	var accounts []mail.AccountID
	for i := range 20 {
		accounts = append(accounts, back.account(b, fmt.Sprintf("a%d@example.test", i)))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rnd, 1.1, 3, 30000)
	var letters []*spool.Message
	for i := range 100 {
		w := back.spool.Begin(nil, 0)
		if _, err := w.Write(append(letter(rnd, zipf, i), "\r\n"...)); err != nil {
			b.Fatal(err)
		}
		m, err := w.Finish()
		if err != nil {
			b.Fatal(err)
		}
		letters = append(letters, m)
	}
	var n atomic.Int64
	send := func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				i := n.Add(1)
				m := letters[i%100]
				d := &mail.Delivery{Content: m, Summary: m.Summary, Locals: []mail.LocalDelivery{{Account: accounts[i%20], Received: time.Now()}}}
				if _, err := back.store.Deliver(b.Context(), d); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	}
	for i := range 3 {
		b.Run(fmt.Sprintf("alone-%d", i), send)
		b.Run(fmt.Sprintf("indexing-%d", i), func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				indexer.New(back.store, nil, slog.New(slog.DiscardHandler)).Run(ctx)
			}()
			send(b)
			cancel()
			<-done
			p, err := back.store.SearchProgress(b.Context())
			b.ReportMetric(float64(p.Unindexed), "unindexed")
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// word makes up the k-th word.
func word(k int) string {
	r := rand.New(rand.NewPCG(uint64(k), 3))
	var w strings.Builder
	for range 2 + r.IntN(3) {
		w.WriteByte("bcdfghklmnprstvwz"[r.IntN(17)])
		w.WriteByte("aeiou"[r.IntN(5)])
		if r.IntN(3) == 0 {
			w.WriteByte("lnrst"[r.IntN(5)])
		}
	}
	return w.String()
}
