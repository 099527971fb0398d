package metrics

import (
	"net"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Listener counts the connections of l under a protocol and a role, which may
// be "". TCP connections stay *net.TCPConn in all their methods.
func (m *Metrics) Listener(l net.Listener, proto, role string) net.Listener {
	return &listener{l, m.connections.WithLabelValues(proto, role), m.open.WithLabelValues(proto, role)}
}

type listener struct {
	net.Listener
	all  prometheus.Counter
	open prometheus.Gauge
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.all.Inc()
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil
	}
	l.open.Inc()
	return &conn{TCPConn: t, open: l.open}, nil
}

type conn struct {
	*net.TCPConn
	open prometheus.Gauge
	once sync.Once
}

func (c *conn) Close() error {
	c.once.Do(c.open.Dec)
	return c.TCPConn.Close()
}
