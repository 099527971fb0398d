package smtpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// client speaks raw octets to a server.
type client struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	gone bool // the server took no more
}

// patience is how long a client waits for anything, with the race detector on
// a busy machine too.
const patience = time.Minute

func newClient(t testing.TB, c net.Conn) *client {
	c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { c.Close() })
	return &client{t: t, conn: c, in: bufio.NewReader(c)}
}

// send writes octets as they are.
func (c *client) send(s string) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, s)
	if c.gone = isReset(err); err != nil && !c.gone {
		c.t.Fatalf("send %.60q: %v", s, err)
	}
}

// trySend is send for octets that the server need not take; false when it has
// closed.
func (c *client) trySend(s string) bool {
	c.t.Helper()
	c.send(s)
	return !c.gone
}

// address is where the client connects from.
func (c *client) address() netip.AddrPort {
	return c.conn.LocalAddr().(*net.TCPAddr).AddrPort()
}

// line reads one line without its CRLF; "" at the end of the connection.
func (c *client) line() string {
	c.t.Helper()
	s, err := c.in.ReadString('\n')
	if err != nil {
		if s == "" && (err == io.EOF || isReset(err)) {
			return ""
		}
		c.t.Fatalf("reading a reply: %q, %v", s, err)
	}
	s, ok := strings.CutSuffix(s, "\r\n")
	if !ok {
		c.t.Fatalf("reply without CRLF: %q", s)
	}
	return s
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// reply reads a whole reply, its lines joined by "\n".
func (c *client) reply() string {
	c.t.Helper()
	var all []string
	for {
		s := c.line()
		all = append(all, s)
		if len(s) < 4 || s[3] != '-' {
			return strings.Join(all, "\n")
		}
	}
}

// want reads a reply that must begin so.
func (c *client) want(prefix string) string {
	c.t.Helper()
	r := c.reply()
	if !strings.HasPrefix(r, prefix) {
		c.t.Fatalf("got %q, want %q…", r, prefix)
	}
	return r
}

// do sends a command and reads its reply.
func (c *client) do(command, prefix string) string {
	c.t.Helper()
	c.send(command + "\r\n")
	return c.want(prefix)
}

// closed checks that the server ends the connection without another word.
func (c *client) closed() {
	c.t.Helper()
	if s := c.line(); s != "" {
		c.t.Fatalf("instead of the end came %q", s)
	}
}

// startTLS upgrades after a 220, or at once.
func (c *client) startTLS() {
	c.t.Helper()
	c.startTLSWith(&tls.Config{})
}

// startTLSWith trusts the server's certificate and does what else cfg says.
func (c *client) startTLSWith(cfg *tls.Config) {
	c.t.Helper()
	_, cfg.RootCAs = certificate()
	cfg.ServerName = "mx.example.test"
	t := tls.Client(c.conn, cfg)
	if err := t.Handshake(); err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.conn, c.in = t, bufio.NewReader(t)
}
