package imapd

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// errWoken is what a wait for input gives when wake interrupted it.
var errWoken = errors.New("woken")

// conn is a client's connection with deadlines, and a way for other goroutines
// to interrupt its waiting read.
type conn struct {
	raw    net.Conn        // as accepted: deadlines are set here
	stream net.Conn        // raw, or the TLS layer on it
	socket syscall.RawConn // of raw; nil: it has none
	peer   netip.AddrPort

	readTimeout  time.Duration // between octets of a running command
	writeTimeout time.Duration
	hardStop     time.Time // end of the time before login; zero afterwards

	mu      sync.Mutex
	waiting bool
	woken   bool
	inWait  bool // the read in progress has its deadline from wait
}

func newConn(c net.Conn, read, write time.Duration) *conn {
	k := &conn{raw: c, stream: c, socket: socketOf(c), readTimeout: read, writeTimeout: write}
	if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		k.peer = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return k
}

// Read reads for a running command.
func (c *conn) Read(p []byte) (int, error) {
	if !c.inWait {
		_ = c.raw.SetReadDeadline(c.limit(time.Now().Add(c.readTimeout)))
	}
	return c.stream.Read(p)
}

func (c *conn) Write(p []byte) (int, error) {
	_ = c.raw.SetWriteDeadline(c.limit(time.Now().Add(c.writeTimeout)))
	return c.stream.Write(p)
}

func (c *conn) limit(t time.Time) time.Time {
	if !c.hardStop.IsZero() && c.hardStop.Before(t) {
		return c.hardStop
	}
	return t
}

// wait runs read, which waits for input, until the deadline or a wake.
func (c *conn) wait(read func() error, until time.Time) error {
	if err := c.beginWait(until); err != nil {
		return err
	}
	return c.endWait(read())
}

// beginWait is wait up to the read, which then has the deadline.
func (c *conn) beginWait(until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.woken {
		c.woken = false
		return errWoken
	}
	c.waiting, c.inWait = true, true
	_ = c.raw.SetReadDeadline(c.limit(until))
	return nil
}

// endWait is wait after the read, which ended with err.
func (c *conn) endWait(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting, c.inWait = false, false
	if err != nil && c.woken && errors.Is(err, os.ErrDeadlineExceeded) {
		c.woken = false
		return errWoken
	}
	return err
}

// wake makes the current wait, or the next one, return errWoken.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.woken = true
	if c.waiting {
		_ = c.raw.SetReadDeadline(time.Unix(1, 0))
	}
}
