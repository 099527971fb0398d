package smtpd

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"
)

// steps are the operations of a transcript, TestTranscripts says which. The
// number is 1 where none was given.
var steps map[string]func(x *transcript, arg string, times int) error

func init() {
	steps = map[string]func(*transcript, string, int) error{
		"C":  func(x *transcript, arg string, n int) error { x.stream(arg+"\r\n", n); return nil },
		"R":  quoted(func(x *transcript, s string, n int) { x.stream(s, n) }),
		"B":  quoted(func(x *transcript, s string, _ int) { x.octets(s) }),
		"D":  quoted(func(x *transcript, s string, _ int) { trickle(x.c, s) }),
		"G":  (*transcript).garbage,
		"S":  func(x *transcript, arg string, n int) error { return x.expect(arg, n, (*client).line) },
		"S*": func(x *transcript, arg string, n int) error { return x.expect(arg, n, (*client).reply) },
		"M":  func(x *transcript, arg string, _ int) error { return x.message(arg) },
		"L":  (*transcript).logged,
		"T":  do(func(x *transcript) { x.c.startTLS() }),
		"X":  do(func(x *transcript) { x.c.closed() }),
		"H":  do(func(x *transcript) { x.c.conn.(interface{ CloseWrite() error }).CloseWrite() }),
		"A":  do((*transcript).reset),
		"N":  do(func(x *transcript) { x.c.conn.Close(); x.connect() }),
		"K":  do((*transcript).connect),
	}
}

// step runs one line; op is as it stands before the colon.
func (x *transcript) step(op, arg string) error {
	op, count, counted := strings.Cut(op, " ")
	n := 1
	if counted {
		var err error
		if n, err = strconv.Atoi(count); err != nil {
			return err
		}
	}
	f, ok := steps[op]
	if !ok {
		return fmt.Errorf("no such step")
	}
	return f(x, arg, n)
}

func do(f func(*transcript)) func(*transcript, string, int) error {
	return func(x *transcript, _ string, _ int) error { f(x); return nil }
}

func quoted(f func(*transcript, string, int)) func(*transcript, string, int) error {
	return func(x *transcript, arg string, n int) error {
		s, err := strconv.Unquote(arg)
		if err == nil {
			f(x, s, n)
		}
		return err
	}
}

// stream sends s n times, in packets of some size.
func (x *transcript) stream(s string, n int) {
	const packet = 64 << 10
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(s, "{n}", strconv.Itoa(i)))
		if b.Len() >= packet {
			if !x.c.trySend(b.String()) {
				return
			}
			b.Reset()
		}
	}
	x.c.trySend(b.String())
}

func (x *transcript) octets(s string) {
	for i := range len(s) {
		if !x.c.trySend(s[i : i+1]) {
			return
		}
	}
}

// garbage sends lines of 64 octets that no compression makes smaller.
func (x *transcript) garbage(arg string, _ int) error {
	left, err := strconv.Atoi(arg)
	r := rand.New(rand.NewPCG(1, 2))
	for ; left > 0; left -= 64 {
		line := make([]byte, 64)
		for i := range line {
			line[i] = byte(0x80 + r.IntN(0x80))
		}
		copy(line[62:], "\r\n")
		x.c.trySend(string(line))
	}
	return err
}

func (x *transcript) expect(prefix string, n int, read func(*client) string) error {
	for i := range n {
		if got := read(x.c); !strings.Contains("\n"+got, "\n"+prefix) {
			return fmt.Errorf("reply %d: got %q", i+1, got)
		}
	}
	return nil
}

// reset ends the connection with an RST.
func (x *transcript) reset() {
	x.c.conn.(*net.TCPConn).SetLinger(0)
	x.c.conn.Close()
}

func (x *transcript) logged(arg string, _ int) error {
	if !x.server.logs.stopped() {
		x.server.waitLog(arg)
	}
	return nil
}

// trickle sends octet after octet until the server has enough of it.
func trickle(c *client, octets string) time.Duration {
	began := time.Now()
	defer c.conn.SetReadDeadline(began.Add(patience))
	for i := 0; ; i++ {
		at := i % len(octets)
		if !c.trySend(octets[at : at+1]) {
			return time.Since(began)
		}
		c.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := c.in.Peek(1); err == nil {
			return time.Since(began)
		}
	}
}
