// Package listen is what stands before every port: it believes the PROXY
// protocol of configured networks, counts connections in all and per client,
// and hands over only those that may talk. A client that sends its PROXY
// header slowly holds up nobody else.
package listen

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// Config says who is believed and who is let in.
type Config struct {
	// ProxyNetworks are the peers that must begin with a PROXY v1 or v2
	// header, which then names the client. Headers of others are not read.
	ProxyNetworks []netip.Prefix
	// ProxyTimeout bounds the wait for the header; 0: 10 s.
	ProxyTimeout time.Duration
	// Refusal is sent to clients over a limit, with its line end; empty on
	// ports where the first octets are TLS.
	Refusal string
	Log     *slog.Logger
}

// Listener is a net.Listener whose connections are *Conn.
type Listener struct {
	inner net.Listener
	cfg   Config
	gate  *Gate
	ready chan *Conn
	done  chan struct{}
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	err    error // why the accept loop ended
	asked  map[net.Conn]struct{}
}

// New starts to accept on inner.
func New(inner net.Listener, cfg Config, gate *Gate) *Listener {
	if cfg.ProxyTimeout == 0 {
		cfg.ProxyTimeout = 10 * time.Second
	}
	l := &Listener{inner: inner, cfg: cfg, gate: gate, ready: make(chan *Conn),
		done: make(chan struct{}), asked: map[net.Conn]struct{}{}, err: net.ErrClosed}
	l.wg.Add(1)
	go l.loop()
	return l
}

// Accept gives the next connection that passed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, l.err
	}
}

// Addr is where the listener listens.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close stops accepting and drops the connections that wait to be handed
// over; those handed over go on.
func (l *Listener) Close() error {
	err := l.stop(net.ErrClosed)
	l.wg.Wait()
	return err
}

func (l *Listener) stop(cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed, l.err = true, cause
	close(l.done)
	for c := range l.asked {
		c.Close()
	}
	return l.inner.Close()
}

func (l *Listener) loop() {
	defer l.wg.Done()
	var pause time.Duration
	for {
		c, err := l.inner.Accept()
		if err == nil {
			pause = 0
			l.wg.Add(1)
			go l.admit(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			l.stop(err)
			return
		}
		// Out of file descriptors, mostly: wait for some to come back.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		l.cfg.Log.Error("accept failed", "addr", l.inner.Addr().String(), "error", err, "retry", pause)
		select {
		case <-time.After(pause):
		case <-l.done:
			return
		}
	}
}

// admit finds out who is calling and hands the connection over, or ends it.
func (l *Listener) admit(socket net.Conn) {
	defer l.wg.Done()
	if !l.track(socket) {
		socket.Close()
		return
	}
	defer l.untrack(socket)
	if !l.gate.enter() {
		l.refuse(socket, "too many connections")
		return
	}
	c := &Conn{Conn: socket, socket: addrOf(socket.RemoteAddr()), gate: l.gate}
	c.client, c.local = c.socket, addrOf(socket.LocalAddr())
	if err := l.readProxy(c); err != nil {
		l.cfg.Log.Warn("no PROXY header from a proxy network", "peer", c.socket.String(), "error", err)
		c.Close()
		return
	}
	if !l.gate.enterClient(c.client.Addr()) {
		l.refuse(c, "too many connections from this address")
		return
	}
	c.counted = true
	select {
	case l.ready <- c:
	case <-l.done:
		c.Close()
	}
}

// readProxy takes the client's address from the PROXY header where the peer
// is believed. The header is demanded there: without it, every client would
// appear as the proxy.
func (l *Listener) readProxy(c *Conn) error {
	if !l.fromProxy(c.socket.Addr()) {
		return nil
	}
	p := proxyproto.NewConn(c.Conn, proxyproto.WithPolicy(proxyproto.REQUIRE),
		proxyproto.SetReadHeaderTimeout(l.cfg.ProxyTimeout))
	c.Conn = p
	h := p.ProxyHeader()
	if h == nil {
		return proxyproto.ErrNoProxyProtocol
	}
	if from := addrOf(p.RemoteAddr()); from.IsValid() {
		c.client = from
	}
	if to := addrOf(p.LocalAddr()); to.IsValid() {
		c.local = to
	}
	return nil
}

func (l *Listener) fromProxy(a netip.Addr) bool {
	for _, p := range l.cfg.ProxyNetworks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (l *Listener) refuse(c net.Conn, why string) {
	l.cfg.Log.Warn("connection refused", "peer", c.RemoteAddr().String(), "reason", why)
	if l.cfg.Refusal != "" {
		c.SetWriteDeadline(time.Now().Add(time.Second))
		c.Write([]byte(l.cfg.Refusal))
	}
	c.Close()
}

func (l *Listener) track(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.asked[c] = struct{}{}
	return true
}

func (l *Listener) untrack(c net.Conn) {
	l.mu.Lock()
	delete(l.asked, c)
	l.mu.Unlock()
}
