package listen

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// Conn is an admitted connection. Its RemoteAddr is the client's own address,
// behind a proxy too.
type Conn struct {
	net.Conn
	socket, client, local netip.AddrPort
	gate                  *Gate
	counted               bool // per client, too
	once                  sync.Once
}

// RemoteAddr is the client's address.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.client) }

// LocalAddr is the address that the client connected to.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// Client is the client's address.
func (c *Conn) Client() netip.AddrPort { return c.client }

// Local is the address that the client connected to.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Loopback tells whether the client is on this machine: by the address it
// came from and by the one that a proxy claims, if any.
func (c *Conn) Loopback() bool {
	return c.socket.Addr().IsLoopback() && c.client.Addr().IsLoopback()
}

// Close ends the connection and gives its place back.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		c.gate.leave()
		if c.counted {
			c.gate.leaveClient(c.client.Addr())
		}
	})
	return err
}

// CloseWrite sends the end of our side and leaves the other open, where the
// socket can.
func (c *Conn) CloseWrite() error {
	if h, ok := c.innermost().(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}

// SyscallConn gives access to the socket itself, below what a PROXY header made
// us read from it.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	s, ok := c.innermost().(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return s.SyscallConn()
}

// innermost is the connection behind the PROXY header.
func (c *Conn) innermost() net.Conn {
	if r, ok := c.Conn.(interface{ Raw() net.Conn }); ok {
		return r.Raw()
	}
	return c.Conn
}

// addrOf reads a net.Addr; IPv4 in IPv6 becomes IPv4. Addresses that are no
// IP (tests over pipes) become the zero AddrPort.
func addrOf(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
