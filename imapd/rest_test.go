package imapd_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// gathered collects what is written while it holds.
type gathered struct {
	net.Conn
	holds bool
	held  []byte
}

func (g *gathered) Write(p []byte) (int, error) {
	if !g.holds {
		return g.Conn.Write(p)
	}
	g.held = append(g.held, p...)
	return len(p), nil
}

// together sends the texts as TLS records of their own that arrive at once; the
// first one's header arrives alone.
func (g *gathered) together(t *testing.T, c *client, texts ...string) {
	t.Helper()
	g.holds = true
	for _, text := range texts {
		c.write(t, text)
	}
	g.holds = false
	for _, part := range [][]byte{g.held[:5], g.held[5:]} {
		if _, err := g.Conn.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	g.held = nil
}

// A session that waits for the socket must not overlook what TLS has read of it
// already.
func TestRestOverlooksNothing(t *testing.T) {
	b := newBackend(t)
	b.account(t, "ann@example.test")
	c := b.config()
	c.TLS = serverTLS(t)
	_, addr := serve(t, c, true)
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(20 * time.Second))
	g := &gathered{Conn: raw}
	secure := tls.Client(g, &tls.Config{InsecureSkipVerify: true})
	cl := &client{Conn: secure, r: bufio.NewReader(secure)}
	cl.until(t, "* OK ")
	g.together(t, cl, "a NOOP\r\n", "b NOOP\r\n", "c NOOP\r\n")
	cl.until(t, "c OK")
	cl.login(t, "ann@example.test")
	cl.write(t, "d SELECT INBOX\r\n")
	cl.until(t, "d OK")
	for range 3 {
		cl.write(t, "e IDLE\r\n")
		cl.until(t, "+ ")
		g.together(t, cl, "DONE\r\n", "f IDLE\r\n", "DONE\r\n", "g NOOP\r\n")
		cl.until(t, "g OK")
	}
}

// noSockets accepts connections that nothing is known of.
type noSockets struct{ net.Listener }

func (l noSockets) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return struct{ net.Conn }{c}, nil
}

// Sessions wait the same with a socket to rest at and without: they are woken,
// go on, and end when their time is over.
func TestRest(t *testing.T) {
	for _, kind := range []string{"sockets", "others"} {
		t.Run(kind, func(t *testing.T) {
			b := newBackend(t)
			user := kind + "@example.test"
			b.account(t, user)
			listen := func() net.Listener {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				if kind == "others" {
					ln = noSockets{ln}
				}
				return ln
			}
			c := b.config()
			_, addr := serveOn(t, c, listen(), false)
			idles, other := dial(t, addr), dial(t, addr)
			idles.login(t, user)
			other.login(t, user)
			idles.do(t, "SELECT INBOX")
			for range 2 {
				idles.write(t, "i IDLE\r\n")
				idles.until(t, "+ ")
				other.do(t, "APPEND INBOX {4+}\r\na: b")
				for !strings.HasSuffix(idles.line(t), "EXISTS") {
				}
				idles.write(t, "DONE\r\n")
				idles.until(t, "i OK")
			}
			c.IdleTime = 10 * time.Millisecond
			_, addr = serveOn(t, c, listen(), false)
			for _, last := range []string{"", "i IDLE\r\n"} {
				short := dial(t, addr)
				short.login(t, user)
				short.write(t, last)
				if end := short.end(t); !strings.Contains(end, "* BYE idle for too long") {
					t.Errorf("after %q: %q", last, end)
				}
			}
		})
	}
}
