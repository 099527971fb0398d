package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postroom/e2e/client"
)

// marker begins the part of a message whose hash is compared.
const marker = "X-Bench: "

// message gives a message of about 4 KiB, unlike any other: all of it but a
// short header is random. The hash covers all octets from the marker on.
func message(seed uint64, to string) ([]byte, [32]byte) {
	m := compose(seed, "load@outside.example", to)
	return m, sha256.Sum256(m)
}

func compose(seed uint64, from, to string) []byte {
	r := rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())))
	raw := make([]byte, 2850)
	for i := 0; i+8 <= len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], r.Uint64())
	}
	text := base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.Grow(4300)
	fmt.Fprintf(&b, "%s%d\r\nFrom: load <%s>\r\nTo: <%s>\r\nSubject: bench %d\r\n", marker, seed, from, to, seed)
	fmt.Fprintf(&b, "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <%d.%d@outside.example>\r\n\r\n", seed, r.Uint64())
	for len(text) > 0 {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return []byte(b.String())
}

// ledger knows the hash of every message that got its 250 and is not yet seen.
type ledger struct {
	mu      sync.Mutex
	waiting map[[32]byte]bool
	visible atomic.Int64
	sent    atomic.Int64
	wrong   atomic.Int64
}

func newLedger() *ledger { return &ledger{waiting: map[[32]byte]bool{}} }

func (l *ledger) expect(h [32]byte) {
	l.mu.Lock()
	l.waiting[h] = true
	l.mu.Unlock()
}

func (l *ledger) see(h [32]byte) {
	l.mu.Lock()
	ok := l.waiting[h]
	delete(l.waiting, h)
	l.mu.Unlock()
	if ok {
		l.visible.Add(1)
	} else {
		l.wrong.Add(1)
	}
}

func (l *ledger) missing() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// seeds numbers all messages of a run.
var seeds atomic.Uint64

// send keeps n SMTP connections busy until ctx ends, each message to the next
// of the given recipients.
func send(ctx context.Context, addr string, n int, to []string, l *ledger) error {
	var wg sync.WaitGroup
	var firstErr atomic.Value
	for i := range n {
		wg.Go(func() {
			if err := sendOne(ctx, addr, i, to, l); err != nil {
				firstErr.CompareAndSwap(nil, err)
			}
		})
	}
	wg.Wait()
	err, _ := firstErr.Load().(error)
	return err
}

func sendOne(ctx context.Context, addr string, offset int, to []string, l *ledger) error {
	c, _, err := client.DialSMTP(addr, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Cmd("EHLO load.outside.example"); err != nil {
		return err
	}
	for i := offset; ctx.Err() == nil; i++ {
		rcpt := to[i%len(to)]
		m, h := message(seeds.Add(1), rcpt)
		l.expect(h)
		r, err := c.Send("load@outside.example", []string{rcpt}, m)
		if err != nil {
			return err
		}
		if err := r.Err(); err != nil {
			return err
		}
		l.sent.Add(1)
	}
	return nil
}
