package client

import (
	"fmt"
	"net"
	"time"
)

// DialProxied connects from a local address as a proxy does for a client at ip,
// IPv4: by a PROXY header, version 1.
func DialProxied(addr, local, ip string) (*SMTP, Reply, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}, Timeout: 10 * time.Second}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, Reply{}, err
	}
	c := &SMTP{Timeout: time.Minute}
	c.use(conn)
	fmt.Fprintf(c.w, "PROXY TCP4 %s 192.0.2.1 4000 25\r\n", ip)
	if err := c.w.Flush(); err != nil {
		conn.Close()
		return nil, Reply{}, err
	}
	r, err := c.Read()
	if err != nil {
		conn.Close()
	}
	return c, r, err
}
